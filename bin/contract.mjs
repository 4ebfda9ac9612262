// npm run contract -- /path/to/hermes [--json] [--record] [--quick] [--no-machine] [--only GROUP]…
//
// Looks whether a real gateway does what src/gateway/contract.ts says of its version, claim by claim (test/contract): as a user of a throw-away machine
// with a systemd of its own, else, or with --no-machine, in a throw-away home without systemd. --quick leaves out what takes minutes. --record puts
// what was seen into docs/contract.json, from which docs/contract.md is made. Ends with 1 if something differs.
//
// No part of CI, since nothing of upstream's is in this project. What CI runs is the same claims on the stand-in: test/contract/stand-in.test.ts.
import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {parseArgs} from 'node:util'

const ROOT = path.dirname(import.meta.dirname)
const RECORD = path.join(ROOT, 'docs', 'contract.json')
const TABLE = path.join(ROOT, 'docs', 'contract.md')
const LIMIT_MS = 1_500_000

const {values: flags, positionals: command} = parseArgs({
  allowPositionals: true,
  options: {
    json: {type: 'boolean'},
    record: {type: 'boolean'},
    quick: {type: 'boolean'},
    'no-machine': {type: 'boolean'},
    only: {type: 'string', multiple: true, default: []},
    table: {type: 'boolean'},
  },
})
process.exitCode = await main()

async function main() {
  if (flags.table) return writeTable()
  if (!path.isAbsolute(command[0] ?? '')) {
    process.stderr.write('contract: say which gateway, by an absolute path: npm run contract -- /path/to/hermes\n')
    return 2
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-contract-'))
  try {
    const report = await look(folder)
    if (flags.record) await record(report)
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : textOf(report))
    return report.outcomes.some(({kind}) => kind === 'differs') ? 1 : 0
  } catch (error) {
    process.stderr.write(`contract: ${error.message}\n`)
    return 2
  } finally {
    fs.rmSync(folder, {recursive: true, force: true})
  }
}

async function look(folder) {
  const program = await bundle('test/contract/main.ts', path.join(folder, 'contract.mjs'))
  const source = await import(
    pathToFileURL(await bundle('src/smoke/machine.ts', path.join(folder, 'machine.mjs'), 'src/host/node-host.ts')).href
  )
  const host = source.createNodeHost(ROOT)
  const whyNot = flags['no-machine'] ? 'no machine was wanted (--no-machine)' : source.whyNoMachine(host)
  const contract = fs.readFileSync(path.join(ROOT, 'src/gateway/contract.ts'), 'utf8')
  const request = {command, contract, withSlow: !flags.quick, only: flags.only}
  if (whyNot !== undefined) return lookHere(folder, program, {...request, folder, whyNoSystemd: whyNot})
  const inside = '/opt/hermes-svc/contract.mjs'
  const machine = await source.bootMachine(host, {name: 'contract', binds: [{source: program, target: inside}]})
  try {
    const user = await machine.addUser('gateway')
    const homes = '/var/tmp/contract'
    await machine.exec(['mkdir', homes], {user})
    await machine.writeText(`${homes}/request.json`, JSON.stringify({...request, folder: homes}), {user})
    const result = await machine.exec([source.MACHINE_NODE, inside, `${homes}/request.json`], {user, timeoutMs: LIMIT_MS})
    return reportOf(result)
  } finally {
    await machine.down()
  }
}

function lookHere(folder, program, request) {
  const file = path.join(folder, 'request.json')
  fs.writeFileSync(file, JSON.stringify(request))
  const {status, stdout, stderr} = spawnSync(process.execPath, [program, file], {encoding: 'utf8', timeout: LIMIT_MS})
  return reportOf({code: status, stdout, stderr})
}

function reportOf({code, stdout, stderr, failure}) {
  if (code !== 0) throw new Error(`${failure ?? `exit ${code}`}: ${stderr.trim().split('\n').slice(-15).join('\n')}`)
  return JSON.parse(stdout)
}

/** One file that runs by itself, of TypeScript. */
async function bundle(entry, outfile, ...others) {
  const {build} = await import('esbuild')
  await build({
    stdin: {contents: [entry, ...others].map((file) => `export * from './${file}'`).join('\n'), resolveDir: ROOT, loader: 'ts'},
    ...{outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error'},
    banner: {js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);"},
  })
  return outfile
}

function textOf({version, on, outcomes}) {
  const widest = Math.max(...outcomes.map(({id}) => id.length))
  const lines = outcomes.map(({id, words, kind, expected, seen, why}) => {
    const not = {holds: 'holds', differs: `differs: ${seen}, and not ${expected}`, 'not tried': `not tried: ${why}`}[kind]
    const value = kind !== 'holds' || seen === true ? '' : seen === false ? ' (no, as the contract has it)' : ` (${seen})`
    return `${id.padEnd(widest)}  ${not}${value}  ${words}\n`
  })
  const count = (wanted) => outcomes.filter(({kind}) => kind === wanted).length
  return `Gateway ${version} on ${on}\n${lines.join('')}${count('holds')} hold, ${count('differs')} differ, ${count('not tried')} were not tried\n`
}

/** Adds what was seen of a version, or puts it in the place of what was seen of it before. */
async function record({version, on, outcomes}) {
  const {versions} = JSON.parse(fs.readFileSync(RECORD, 'utf8'))
  const former = versions.find((entry) => entry.version === version)?.seen ?? {}
  const tried = outcomes.filter(({kind}) => kind !== 'not tried').map(({id, seen}) => [id, seen])
  const entry = {version, on, seen: {...former, ...Object.fromEntries(tried)}}
  const all = [...versions.filter((other) => other.version !== version), entry]
  all.sort((one, other) => one.version.localeCompare(other.version, 'en', {numeric: true}))
  fs.writeFileSync(RECORD, `${JSON.stringify({versions: all}, null, 2)}\n`)
  await writeTable()
}

async function writeTable() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-contract-'))
  try {
    const {tableText} = await import(pathToFileURL(await bundle('test/contract/table.ts', path.join(folder, 'table.mjs'))).href)
    fs.writeFileSync(TABLE, tableText(JSON.parse(fs.readFileSync(RECORD, 'utf8'))))
  } finally {
    fs.rmSync(folder, {recursive: true})
  }
  return 0
}
