// npm run bench [-- startup|restart|profiles|boot] [-- --json] [-- --rounds N]
// startup: start-up of whole processes as ratios to bare `node -e 0`, measured in one interleaved run, medians; the CPU time of a heartbeat
// tick; peak memory; size of the package. The status of an installed service is measured in a throw-away machine with a real systemd, where
// this very file runs again with --measure.
// restart: how long `restart` takes in each state that a gateway may be in, in such a machine, beside what the gateway itself needs.
// profiles: what a look at a thousand services costs over the one call of systemctl in it.
// boot: how long the boot of a container with fifty profiles takes, and with one, in containers with a real s6.
// Without a name all of them. It prints, and judges nothing: a shared machine is no place for a timed test.
import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {parseArgs} from 'node:util'
import {setTimeout as sleep} from 'node:timers/promises'

const SELF = fileURLToPath(import.meta.url)
const ROOT = path.dirname(path.dirname(SELF))
const WARM_UP_ROUNDS = 3
/** What a look at a thousand services prints. */
const MAX_OUTPUT = 64 * 1024 * 1024
/** Variables that make every start of node slower or faster, and the ratios look other than they are. */
const SCRUBBED = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE', 'HERMES_SVC_NO_CACHE']
const MAX_STATUS_MB = 60
const MAX_PACKAGE_MB = 2
const PARTS = ['startup', 'restart', 'profiles', 'boot']
/** What `doctor --all` may take over one call of systemctl about the same units, and for how many of them. */
const MAX_OVER_SHOW_SEC = 1
const MANY = 1000
/** What the boot of a container may take over that of one with a single profile, and with how many. */
const MAX_OVER_BOOT_SEC = 1
const BOOT_PROFILES = 50
const BOOT_ROUNDS = 5
/** What a healthy restart may take over the gateway itself, and a frozen one in all. */
const MAX_OVER_SEC = 0.5
const MAX_FROZEN_SEC = 10

/**
 * python3 program. argv: the stand-in, a home, the behaviour to end as JSON, the signal that ends it or nothing. Prints in seconds how long
 * that gateway takes to end and a healthy one to say that it runs, both without any service.
 */
const OWN_TIME = `
import json, os, signal, subprocess, sys, time
program, home, before, ends_by = sys.argv[1:5]
starts = os.path.join(home, "stand-in.starts")

def run(config):
    os.makedirs(home, exist_ok=True)
    with open(os.path.join(home, "stand-in.json"), "w") as handle:
        handle.write(config)
    count = 0 if not os.path.exists(starts) else open(starts).read().count('"running"')
    begun = time.monotonic()
    argv, env = [sys.executable, program, "gateway", "run"], {**os.environ, "HERMES_HOME": home}
    gateway = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(starts) or open(starts).read().count('"running"') == count:
        time.sleep(0.002)
    return gateway, time.monotonic() - begun

total = 0
if ends_by:
    gateway, _ = run(before)
    time.sleep(1 if "freeze" in before else 0.2)
    begun = time.monotonic()
    gateway.send_signal(getattr(signal, "SIG" + ends_by))
    gateway.wait()
    total += time.monotonic() - begun
gateway, took = run("{}")
gateway.kill()
gateway.wait()
print(total + took)
`

/**
 * python3 program. argv: how many, and files and folders of one installed service, `many-0`. Makes the like of them for the others, homes
 * included.
 */
const MANY_SERVICES = `
import os, shutil, sys
count, places = int(sys.argv[1]), sys.argv[2:]
for number in range(1, count):
    name = f"many-{number}"
    for place in places:
        there = place.replace("many-0", name)
        files = [place] if os.path.isfile(place) else [os.path.join(folder, file) for folder, _, names in os.walk(place) for file in names]
        if os.path.isdir(place):
            os.makedirs(there, exist_ok=True)
        for file in files:
            target = file.replace("many-0", name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(file) as handle:
                text = handle.read().replace("many-0", name)
            with open(target, "w") as handle:
                handle.write(text)
            shutil.copymode(file, target)
`

/** Puts a program in the place of systemctl that notes the arguments of each call, one JSON array a line. */
const NOTE_CALLS = `set -e
mkdir /opt/real
cp /usr/bin/systemctl /opt/real/
cat >/opt/real/noting <<'EOF'
#!/usr/bin/python3
import json, os, sys
with open("/var/tmp/systemctl-calls", "a") as handle:
    handle.write(json.dumps(sys.argv[1:]) + "\\n")
os.execv("/opt/real/systemctl", ["systemctl", *sys.argv[1:]])
EOF
chmod 755 /opt/real/noting
: >/var/tmp/systemctl-calls
chmod 666 /var/tmp/systemctl-calls
mount --bind /opt/real/noting /usr/bin/systemctl
`

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {json: {type: 'boolean'}, rounds: {type: 'string', default: '40'}, measure: {type: 'string'}},
})

if (flags.measure) process.stdout.write(JSON.stringify(measure(JSON.parse(fs.readFileSync(flags.measure, 'utf8')), Number(flags.rounds))))
else await main()

async function main() {
  const unknown = positionals.find((part) => !PARTS.includes(part))
  if (unknown !== undefined) {
    process.stderr.write(`bench: no part is called ${unknown}: it is ${PARTS.join(' or ')}\n`)
    process.exitCode = 2
    return
  }
  const wanted = (part) => positionals.length === 0 || positionals.includes(part)
  const startup = wanted('startup') ? await measureStartup() : undefined
  const restart = wanted('restart') ? await measureRestarts() : undefined
  const profiles = wanted('profiles') ? await measureProfiles() : undefined
  const boot = wanted('boot') ? await measureBoots() : undefined
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({schemaVersion: 1, node: process.version, ...startup, restart, profiles, boot})}\n`)
    return
  }
  if (startup) printStartup(startup)
  if (restart) process.stdout.write(restart.rows ? restartTable(restart.rows) : `restart: not measured: ${restart.reason}\n`)
  if (profiles) process.stdout.write(profiles.rows ? profilesText(profiles) : `profiles: not measured: ${profiles.reason}\n`)
  if (boot) process.stdout.write(boot.rows ? bootText(boot) : `boot: not measured: ${boot.reason}\n`)
}

async function measureStartup() {
  const entry = path.join(ROOT, 'bin', 'hermes-svc.cjs')
  const here = measure(
    [
      {name: 'node -e 0', argv: ['-e', '0']},
      {name: '--version', target: 1.2, argv: [entry, '--version']},
      {name: '--help', target: 2, argv: [entry, '--help']},
      {name: 'status --help', target: 2, argv: [entry, 'status', '--help']},
    ],
    Number(flags.rounds),
  )
  const machine = await measureInMachine()
  return {here, machine, packageMb: sizeOfPackage() / 1e6}
}

function printStartup({here, machine, packageMb}) {
  process.stdout.write(`node ${process.version}, medians of ${flags.rounds} rounds\n\n`)
  process.stdout.write(table('on this machine', here))
  process.stdout.write(
    machine.rows ? table('in a throw-away machine with systemd', machine.rows) : `status: not measured: ${machine.reason}\n\n`,
  )
  process.stdout.write(`package: ${packageMb.toFixed(2)} MB, at most ${MAX_PACKAGE_MB}\n`)
}

/**
 * Runs every row in turn, round by round, so that what slows the machine down slows all of them. A row is {name, argv, target?, program?};
 * argv is node's unless another program is named. Returns the rows with `ms` (median), `cpuMs` (mean), `ratio` to the first row (of the
 * CPU time if `isCpu` says so), and `peakMb` of node.
 */
function measure(rows, rounds) {
  const env = {...process.env}
  for (const name of SCRUBBED) delete env[name]
  const times = rows.map(() => [])
  const cpuMs = rows.map(() => 0)
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [index, {name, argv, program = process.execPath}] of rows.entries()) {
      const cpuBefore = childrenCpuMs()
      const start = process.hrtime.bigint()
      const {status, stderr, error} = spawnSync(program, argv, {env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: MAX_OUTPUT})
      const ms = Number(process.hrtime.bigint() - start) / 1e6
      if (status !== 0) throw new Error(`${name} failed with ${status ?? error}: ${stderr}`)
      if (round < 0) continue
      times[index].push(ms)
      cpuMs[index] += (childrenCpuMs() - cpuBefore) / rounds
    }
  }
  const medians = times.map((values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)])
  return rows.map(({name, target, argv, program, isCpu}, index) => ({
    name,
    target,
    isCpu,
    ms: medians[index],
    cpuMs: cpuMs[index],
    ratio: isCpu ? cpuMs[index] / cpuMs[0] : medians[index] / medians[0],
    ...(program ? {} : {peakMb: peakMb(argv, env)}),
  }))
}

/**
 * CPU time, user and system, of all children that have ended, in ms: fields 16 and 17 of proc_pid_stat(5), in units of 10 ms. What each of
 * many short processes is charged too much or too little evens out in the sum.
 */
function childrenCpuMs() {
  if (!fs.existsSync('/proc/self/stat')) return 0
  const fields = fs.readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

/** Peak resident memory in MB, as getrusage(2) tells it to the process itself at its end. */
function peakMb(argv, env) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-bench-'))
  const hook = path.join(folder, 'peak.cjs')
  const result = path.join(folder, 'peak')
  fs.writeFileSync(
    hook,
    `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(result)}, String(process.resourceUsage().maxRSS)))`,
  )
  try {
    spawnSync(process.execPath, ['-r', hook, ...argv], {env, stdio: 'ignore'})
    return Number(fs.readFileSync(result, 'utf8')) / 1024
  } finally {
    fs.rmSync(folder, {recursive: true})
  }
}

/** Installs the stand-in gateway as a user's service in a throw-away machine and measures its status there. */
async function measureInMachine() {
  const {bootMachine, createNodeHost, whyNoMachine, MACHINE_NODE, MACHINE_PACKAGE} = await loadSource()
  const host = createNodeHost(ROOT)
  const reason = whyNoMachine(host)
  if (reason) return {reason}
  const bench = '/opt/hermes-svc/bench.mjs'
  const machine = await bootMachine(host, {name: 'bench', binds: [{source: SELF, target: bench}]})
  try {
    const user = await machine.addUser('bench')
    const exec = async (argv, options = {}) => {
      const result = await machine.exec(argv, {user, timeoutMs: 300_000, ...options})
      if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr || result.stdout}`)
      return result.stdout
    }
    const entry = `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`
    await exec(['mkdir', '-m', '700', `${user.home}/.hermes`])
    await exec([MACHINE_NODE, entry, 'install', '--yes', '--command', `${MACHINE_PACKAGE}/dist/stand-in/hermes`])
    const rows = [
      {name: 'node -e 0', argv: ['-e', '0']},
      {name: 'systemctl show', program: 'systemctl', argv: ['--user', 'show', 'hermes-gateway.service']},
      {name: 'status', target: 2, argv: [entry, 'status']},
      {name: 'status --json', target: 2, argv: [entry, 'status', '--json']},
      {name: 'doctor', target: 2.5, argv: [entry, 'doctor']},
      {name: 'heartbeat tick', target: 1.5, isCpu: true, argv: [`${user.home}/.config/hermes-svc/heartbeat.cjs`]},
    ]
    const file = '/var/tmp/rows.json'
    await machine.writeText(file, JSON.stringify(rows), {user})
    return {rows: JSON.parse(await exec([MACHINE_NODE, bench, '--rounds', flags.rounds, '--measure', file]))}
  } finally {
    await machine.down()
  }
}

/**
 * Installs MANY services of one user and looks at all of them: by `doctor --all`, by `list`, and by the one call of systemctl that doctor
 * makes for it, in turn. `calls`: of systemctl, by each.
 */
async function measureProfiles() {
  const {bootMachine, createNodeHost, whyNoMachine, MACHINE_NODE, MACHINE_PACKAGE} = await loadSource()
  const host = createNodeHost(ROOT)
  const reason = whyNoMachine(host)
  if (reason) return {reason}
  const bench = '/opt/hermes-svc/bench.mjs'
  const machine = await bootMachine(host, {name: 'bench-many', binds: [{source: SELF, target: bench}]})
  try {
    const user = await machine.addUser('bench')
    const exec = async (argv, options = {}) => {
      const result = await machine.exec(argv, {user, timeoutMs: 300_000, ...options})
      if (result.code !== 0) throw new Error(`${argv.join(' ').slice(0, 200)}: ${result.stderr || result.stdout}`)
      return result.stdout
    }
    const entry = `${MACHINE_PACKAGE}/bin/hermes-svc.cjs`
    const home = `${user.home}/.hermes/profiles/many-0`
    await exec(['mkdir', '-p', '-m', '700', home])
    await exec([
      MACHINE_NODE,
      entry,
      'install',
      '-p',
      'many-0',
      '--heartbeat',
      'off',
      '--command',
      `${MACHINE_PACKAGE}/dist/stand-in/hermes`,
    ])
    await exec([MACHINE_NODE, entry, 'stop', '-p', 'many-0'])
    const unit = `${user.home}/.config/systemd/user/hermes-gateway-many-0.service`
    const places = [unit, `${unit}.d`, `${user.home}/.config/hermes-svc/hermes-gateway-many-0`, home]
    await exec(['/usr/bin/python3', '-c', MANY_SERVICES, String(MANY), ...places])
    await exec(['systemctl', '--user', 'daemon-reload'])
    await exec(['sh', '-c', NOTE_CALLS], {user: undefined})
    const calls = async () => (await exec(['cat', '/var/tmp/systemctl-calls'])).trim().split('\n').filter(Boolean)
    const commands = [
      {name: 'doctor --all', argv: [entry, 'doctor', '--all', '--json']},
      {name: 'list', argv: [entry, 'list', '--json']},
    ]
    const counts = []
    for (const {argv} of commands) {
      const before = (await calls()).length
      const found = JSON.parse(await exec([MACHINE_NODE, ...argv]))
      const seen = found.services.filter(({profile}) => profile.startsWith('many-')).length
      if (seen !== MANY) throw new Error(`${seen} of ${MANY} services were seen`)
      counts.push((await calls()).length - before)
    }
    const asked = (await calls()).map((line) => JSON.parse(line)).find((argv) => argv.includes('hermes-gateway-many-999.service'))
    await exec(['umount', '/usr/bin/systemctl'], {user: undefined})
    const rows = [{name: 'systemctl show', program: 'systemctl', argv: asked}, ...commands]
    const file = '/var/tmp/rows.json'
    await machine.writeText(file, JSON.stringify(rows), {user})
    const measured = JSON.parse(await exec([MACHINE_NODE, bench, '--rounds', '5', '--measure', file]))
    return {rows: measured.map((row, index) => ({...row, calls: [1, ...counts][index]}))}
  } finally {
    await machine.down()
  }
}

/**
 * Boots containers with one profile and with BOOT_PROFILES in turn, all on volumes where every gateway ran before. `sec`: from the start of the
 * first process to the moment since which s6-svstat has all slots up, or the end of `hermes-svc boot` if that is later; `bootSec`: `hermes-svc boot`
 * of that; medians. When they came up is asked afterwards: fifty calls of s6-svstat would take from what they measure.
 * A gateway that needs no time to start (sleep) shows what is ours and s6's; the stand-in, in Python, is beside it.
 */
async function measureBoots() {
  const {S6Container, Volumes, whyNoContainer} = await loadContainers()
  const reason = whyNoContainer()
  if (reason) return {reason}
  const volumes = await Volumes.make()
  try {
    const rows = ['sleep', 'stand-in'].flatMap((gateway) =>
      [1, BOOT_PROFILES].map((count) => ({gateway, count, volume: volumes.volume(), sec: [], bootSec: []})),
    )
    for (const {count, volume} of rows) {
      for (let index = 0; index < count; index++) {
        const home = volume.profile(index === 0 ? 'default' : `p${index}`)
        volume.write(`${home}/gateway_state.json`, {gateway_state: 'running'})
      }
    }
    for (let round = 0; round < BOOT_ROUNDS; round++) {
      for (const {gateway, count, volume, sec, bootSec} of rows) {
        const startMs = Date.now()
        const container = await S6Container.boot(volume)
        if (gateway === 'sleep') {
          const program = container.path('/opt/hermes/bin/hermes')
          fs.rmSync(program)
          fs.writeFileSync(program, '#!/bin/sh\nexec sleep infinity\n', {mode: 0o755})
        }
        const bootedMs = Date.now()
        await container.must(['boot'])
        const endMs = Date.now()
        bootSec.push((endMs - bootedMs) / 1000)
        const upMs = await lastUpMs(container, count)
        sec.push((Math.max(endMs, upMs) - startMs) / 1000)
        await container.kill()
      }
      if (!flags.json) process.stderr.write('.')
    }
    if (!flags.json) process.stderr.write('\n')
    const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
    return {rows: rows.map(({gateway, count, sec, bootSec}) => ({gateway, profiles: count, sec: median(sec), bootSec: median(bootSec)}))}
  } finally {
    await volumes.drop()
  }
}

/** Since when the last of `count` slots is up, in ms since the epoch, once all are. */
async function lastUpMs(container, count) {
  const asked = 'date +%s%3N; echo | s6-tai64n; for slot in /run/service/gateway-*; do s6-svstat -o up,updownsince "$slot"; done'
  // TAI64N: @, 16 hexadecimal digits of seconds and 8 of nanoseconds.
  const msOf = (label) => Number(BigInt(`0x${label.slice(1, 17)}`) - 2n ** 62n) * 1000 + Number.parseInt(label.slice(17, 25), 16) / 1e6
  for (;;) {
    await sleep(1000)
    const [now, label, ...slots] = (await container.sh(asked)).stdout.trim().split('\n')
    const up = slots.filter((line) => line.startsWith('true ')).map((line) => msOf(line.split(' ')[1]))
    if (up.length === count) return Math.max(...up) - msOf(label) + Number(now)
  }
}

/** The containers of the tests, without the test runner. */
async function loadContainers() {
  const {build} = await import('esbuild')
  const support = path.join(ROOT, 'test', 'support')
  const file = path.join(ROOT, 'dist', `bench-containers-${process.pid}.mjs`)
  const noRunner = {
    name: 'no-runner',
    setup(build) {
      build.onResolve({filter: /^vitest$/}, () => ({path: 'vitest', namespace: 'no-runner'}))
      const names = ['afterAll', 'beforeAll', 'describe', 'it']
      const contents = names.map((name) => `export const ${name} = () => undefined`).join('\n')
      build.onLoad({filter: /.*/, namespace: 'no-runner'}, () => ({contents}))
    },
  }
  await build({
    entryPoints: [path.join(support, 's6-container.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [noRunner],
    define: {'import.meta.url': JSON.stringify(pathToFileURL(path.join(support, 's6-container.ts')).href)},
    logLevel: 'error',
  })
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    fs.rmSync(file)
  }
}

/**
 * Brings a service of its own into every state and restarts it, once. `sec`: the whole command; `ownSec`: what the gateway itself needs to end
 * as it does in that state, and a healthy one to start, both without any service.
 */
async function measureRestarts() {
  const source = await loadSource()
  const {bootMachine, createNodeHost, whyNoMachine, situations, bringAbout} = source
  const host = createNodeHost(ROOT)
  const reason = whyNoMachine(host)
  if (reason) return {reason}
  const machine = await bootMachine(host, {name: 'bench-restart'})
  try {
    const user = await machine.addUser('bench')
    const rows = []
    for (const [index, situation] of situations.entries()) {
      const profile = `state-${index}`
      const ownSec = await ownSeconds(machine, user, situation, source)
      const given = await bringAbout(machine, user, profile, situation)
      const start = process.hrtime.bigint()
      const {code, stderr} = await given.restart(...(situation.flags ?? []))
      const sec = Number(process.hrtime.bigint() - start) / 1e9
      const {actual, verdict} = await given.status()
      if (code !== 0 || actual !== 'running' || verdict.pid === given.pid)
        throw new Error(`${situation.name}: exit ${code}, ${actual}: ${stderr}`)
      // Not to share the processor with the next ones.
      await given.sh(`systemctl --user disable --now ${given.unit}`)
      rows.push({name: situation.name, flags: situation.flags ?? [], limit: situation.limit, sec, ownSec})
      if (!flags.json) process.stderr.write('.')
    }
    if (!flags.json) process.stderr.write('\n')
    return {rows}
  } finally {
    await machine.down()
  }
}

/** What the gateway itself needs in a situation, in seconds: to end as it does there, and a healthy one to start. */
async function ownSeconds(machine, user, {before, endsBy = ''}, {MACHINE_PACKAGE}) {
  const argv = ['/usr/bin/python3', '-c', OWN_TIME, `${MACHINE_PACKAGE}/dist/stand-in/hermes`, `${user.home}/own-time`]
  const {code, stdout, stderr} = await machine.exec([...argv, JSON.stringify(before), endsBy], {user, timeoutMs: 60_000})
  if (code !== 0) throw new Error(`the stand-in on its own: ${stderr}`)
  return Number(stdout)
}

/** What is needed of the source and of the tests, which is TypeScript and exported by no bundle. */
async function loadSource() {
  const {build} = await import('esbuild')
  const file = path.join(ROOT, 'dist', `bench-${process.pid}.mjs`)
  await build({
    stdin: {
      contents: ['src/smoke/machine', 'src/host/node-host', 'test/support/restart-situations']
        .map((name) => `export * from './${name}.js'`)
        .join('\n'),
      resolveDir: ROOT,
    },
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  })
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    fs.rmSync(file)
  }
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

function restartTable(rows) {
  const lines = rows.map(({name, flags: given, limit, sec, ownSec}) => {
    const over = sec - ownSec
    const isMet = limit === 'frozen' ? sec < MAX_FROZEN_SEC : over <= MAX_OVER_SEC
    const text = limit === 'frozen' ? `${MAX_FROZEN_SEC} s` : `${MAX_OVER_SEC} s over`
    const verdict = limit === undefined ? '' : `${isMet ? 'at most' : 'OVER'} ${text}`
    const columns = [sec, ownSec, over].map((value) => value.toFixed(2).padStart(8)).join('')
    return `  ${name.padEnd(26)}${columns}  ${verdict.padEnd(22)}${given.join(' ')}`.trimEnd()
  })
  const head = `  ${'state'.padEnd(26)}${['restart', 'gateway', 'over'].map((word) => word.padStart(8)).join('')}`
  return `restart of a gateway in every state, in a throw-away machine with systemd: seconds, once each\n${head}\n${lines.join('\n')}\n`
}

function profilesText({rows}) {
  const [show] = rows
  const lines = rows.map(({name, ms, calls}) => {
    const overSec = (ms - show.ms) / 1000
    const verdict = name === 'doctor --all' ? `${overSec <= MAX_OVER_SHOW_SEC ? 'at most' : 'OVER'} ${MAX_OVER_SHOW_SEC} s over` : ''
    const times = [ms / 1000, overSec].map((value) => value.toFixed(2).padStart(8)).join('')
    return `  ${name.padEnd(16)}${times}  ${String(calls).padStart(5)}  ${verdict}`.trimEnd()
  })
  const head = `  ${'look'.padEnd(16)}${['sec', 'over'].map((word) => word.padStart(8)).join('')}  calls of systemctl`
  return `${MANY} services of one user, in a throw-away machine with systemd: medians of 5 rounds\n${head}\n${lines.join('\n')}\n`
}

function bootText({rows}) {
  const lines = rows.map(({gateway, profiles, sec, bootSec}) => {
    const over = sec - rows.find((row) => row.gateway === gateway).sec
    const isJudged = profiles === BOOT_PROFILES && gateway === 'sleep'
    const verdict = isJudged ? `${over <= MAX_OVER_BOOT_SEC ? 'at most' : 'OVER'} ${MAX_OVER_BOOT_SEC} s over` : ''
    const columns = [sec, over, bootSec].map((value) => value.toFixed(2).padStart(8)).join('')
    return `  ${gateway.padEnd(10)}${String(profiles).padStart(8)}${columns}  ${verdict}`.trimEnd()
  })
  const head = `  ${'gateway'.padEnd(10)}${['profiles', 'sec', 'over', 'boot'].map((word) => word.padStart(8)).join('')}`
  const load = os.loadavg()[0].toFixed(1)
  return `boot of a container up to all slots being up: medians of ${BOOT_ROUNDS} rounds, in seconds (load ${load}); boot: hermes-svc boot of that\n${head}\n${lines.join('\n')}\n`
}
