// npm run record -- [/path/to/hermes]
// Records what a person sees: the session of the README's picture and the screens of docs/screens.md, each on a throw-away machine with a real systemd. With the
// path of an installed gateway's launcher it is that gateway, else the stand-in; the pages say which. The folder of the launcher has to hold all that it
// needs beside Debian's packages. Where a state cannot be had of the real one in a machine without a network, the stand-in shows it, and the page says so.
import fs from 'node:fs'
import path from 'node:path'
import {loadSource, ROOT} from '../bench/source.mjs'
import {pictures} from './picture.mjs'
import {SCREENS, WEBHOOK} from './screens.mjs'
import {SESSION} from './session.mjs'

const GATEWAY_FOLDER = '/opt/hermes-agent'
/** Where its launcher has Debian's Python, whatever the first `python3` of this machine is. */
const PYTHON = '/usr/bin/python3'
const LONGEST_LINE = 150

const {bootMachine, createNodeHost, whyNoMachine, MACHINE_NODE, MACHINE_PACKAGE} = await loadSource()
const host = createNodeHost(ROOT)
const reason = whyNoMachine(host)
if (reason) {
  process.stderr.write(`record: ${reason}\n`)
  process.exit(4)
}
const launcher = process.argv[2] === undefined ? undefined : path.resolve(process.argv[2])

const session = await onMachine(async (machine) => {
  const {lines, gateway} = await shown(machine, {homeFiles: launcher ? {'.env': WEBHOOK} : {}, commands: SESSION})
  return {lines, gateway, systemd: machine.systemd}
})
const screens = []
for (const screen of SCREENS)
  screens.push({screen, ...(await onMachine((machine) => shown(machine, screen), screen.gateway === 'stand-in'))})

const docs = path.join(ROOT, 'docs')
fs.writeFileSync(path.join(docs, 'screens.md'), page())
for (const [theme, picture] of Object.entries(pictures(session.lines))) fs.writeFileSync(path.join(docs, `session-${theme}.svg`), picture)

function page() {
  const all = [
    {title: 'A session', about: 'From the installation to the end.', ...session},
    ...screens.map(({screen, lines, gateway}) => ({...screen, lines, gateway})),
  ]
  const parts = all.map(
    ({title, about, lines, gateway}) =>
      `## ${title}\n\n${about} Seen with ${gateway}.\n\n\`\`\`console\n${lines.join('\n').trimEnd()}\n\`\`\`\n`,
  )
  return `# Screens\n\nWhat a person sees in each situation, recorded by \`npm run record\` on a throw-away machine (Debian 12, ${session.systemd}, user scope).\n\n${parts.join('\n')}`
}

/** Boots a machine with a user, a home and `hermes-svc` and `hermes` on the PATH, and takes it down after `use`. */
async function onMachine(use, standIn = false) {
  const real = standIn ? undefined : launcher
  const binds = real ? [{source: path.dirname(real), target: GATEWAY_FOLDER}] : []
  const machine = await bootMachine(host, {name: 'record', binds})
  try {
    const user = await machine.addUser('alice')
    const root = async (script) => must(await machine.exec(['sh', '-ec', script]))
    const program = real ? `exec ${PYTHON} ${GATEWAY_FOLDER}/${path.basename(real)}` : `exec ${MACHINE_PACKAGE}/dist/stand-in/hermes`
    await root(`printf '#!/bin/sh\\n${program} "$@"\\n' >/usr/local/bin/hermes
printf '#!/bin/sh\\nexec ${MACHINE_NODE} ${MACHINE_PACKAGE}/bin/hermes-svc.cjs "$@"\\n' >/usr/local/bin/hermes-svc
chmod 0755 /usr/local/bin/hermes /usr/local/bin/hermes-svc`)
    const run = (script, input = '') => machine.exec(['bash', '-c', `exec 2>&1; ${script}`], {user, input, timeoutMs: 300_000})
    const version = real
      ? must(await run('HERMES_HOME=$(mktemp -d) hermes --version'))
          .split('\n')[0]
          .trim()
      : undefined
    const systemd = (await root('systemctl --version')).split('\n')[0].replace(/ \(.*/, '')
    return await use({run, systemd, gatewayName: version ? `the real gateway: ${version}` : 'the stand-in of the self-test'})
  } finally {
    await machine.down()
  }
}

async function shown({run, gatewayName}, {before, commands, homeFiles = {}}) {
  for (const [name, content] of Object.entries(homeFiles)) {
    await must(await run(`umask 077; mkdir -p ~/.hermes && cat >~/.hermes/${name}`, content))
  }
  if (before) await must(await run(before))
  const lines = []
  for (const command of commands) lines.push(...(await typed({run}, command)), '')
  return {lines, gateway: gatewayName}
}

/** What stands on the terminal after a command: the command itself, and what it printed. */
async function typed({run}, command) {
  const {stdout} = await run(command)
  const printed = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line))
  return [`$ ${command}`, ...printed]
}

function must(result) {
  if (result.code !== 0) throw new Error(`exit ${result.code}: ${result.stdout}${result.stderr}`)
  return result.stdout
}
