// Start-up of whole processes as ratios to bare `node -e 0`, measured in one interleaved run, medians; the CPU time of a heartbeat tick; peak
// memory; size of the package. The status of an installed service is measured in a throw-away machine with a real systemd.
import {spawnSync} from 'node:child_process'
import path from 'node:path'
import {measure} from './measure.mjs'
import {ROOT, withMachine} from './source.mjs'

const MAX_STATUS_MB = 60
const MAX_PACKAGE_MB = 2

export async function measureStartup({rounds}) {
  const entry = path.join(ROOT, 'bin', 'hermes-svc.cjs')
  const here = measure(
    [
      {name: 'node -e 0', argv: ['-e', '0']},
      {name: '--version', target: 1.2, argv: [entry, '--version']},
      {name: '--help', target: 2, argv: [entry, '--help']},
      {name: 'status --help', target: 2, argv: [entry, 'status', '--help']},
    ],
    rounds,
  )
  const machine = await measureInMachine(rounds)
  return {here, machine, packageMb: sizeOfPackage() / 1e6}
}

export function startupText({here, machine, packageMb}, {rounds}) {
  const inMachine = machine.rows
    ? table('in a throw-away machine with systemd', machine.rows)
    : `status: not measured: ${machine.reason}\n\n`
  const head = `node ${process.version}, medians of ${rounds} rounds\n\n`
  return `${head}${table('on this machine', here)}${inMachine}package: ${packageMb.toFixed(2)} MB, at most ${MAX_PACKAGE_MB}\n`
}

/** Installs the stand-in gateway as a user's service in a throw-away machine and measures its status there. */
function measureInMachine(rounds) {
  return withMachine('bench', async ({user, run, measure: measureThere, node, entry, gateway}) => {
    await run(['mkdir', '-m', '700', `${user.home}/.hermes`])
    await run([node, entry, 'install', '--yes', '--command', gateway])
    const rows = [
      {name: 'node -e 0', argv: ['-e', '0']},
      {name: 'systemctl show', program: 'systemctl', argv: ['--user', 'show', 'hermes-gateway.service']},
      {name: 'status', target: 2, argv: [entry, 'status']},
      {name: 'status --json', target: 2, argv: [entry, 'status', '--json']},
      {name: 'doctor', target: 2.5, argv: [entry, 'doctor']},
      {name: 'heartbeat tick', target: 1.5, isCpu: true, argv: [`${user.home}/.config/hermes-svc/heartbeat.cjs`]},
    ]
    return {rows: await measureThere(rows, rounds)}
  })
}

function sizeOfPackage() {
  const {stdout, stderr} = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {cwd: ROOT, encoding: 'utf8'})
  const size = JSON.parse(stdout)[0]?.size
  if (typeof size !== 'number') throw new Error(`npm pack: ${stderr}`)
  return size
}

function table(title, rows) {
  const lines = rows.map(({name, ms, cpuMs, ratio, target, isCpu, peakMb: peak}) => {
    const verdict = target === undefined ? '' : `${ratio <= target ? 'at most' : 'OVER'} ${target}`
    const memory = peak === undefined ? '' : `${peak.toFixed(0)} MB${name.startsWith('status') ? ` (at most ${MAX_STATUS_MB})` : ''}`
    const time = `${(isCpu ? cpuMs : ms).toFixed(1).padStart(8)} ms`
    return `  ${name.padEnd(16)}${time}${ratio.toFixed(2).padStart(7)} x  ${verdict.padEnd(12)}${memory}${isCpu ? ' (CPU)' : ''}`.trimEnd()
  })
  return `${title}\n${lines.join('\n')}\n\n`
}
