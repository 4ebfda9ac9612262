// What a look at a thousand services costs over the one call of systemctl in it.
import {MEASURE} from './measure.mjs'
import {loadSource, ROOT} from './source.mjs'

/** What `doctor --all` may take over one call of systemctl about the same units, and for how many of them. */
const MAX_OVER_SHOW_SEC = 1
const MANY = 1000

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

/**
 * Installs MANY services of one user and looks at all of them: by `doctor --all`, by `list`, and by the one call of systemctl that doctor
 * makes for it, in turn. `calls`: of systemctl, by each.
 */
export async function measureProfiles() {
  const {bootMachine, createNodeHost, whyNoMachine, MACHINE_NODE, MACHINE_PACKAGE} = await loadSource()
  const host = createNodeHost(ROOT)
  const reason = whyNoMachine(host)
  if (reason) return {reason}
  const bench = '/opt/hermes-svc/measure.mjs'
  const machine = await bootMachine(host, {name: 'bench-many', binds: [{source: MEASURE, target: bench}]})
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
    const measured = JSON.parse(await exec([MACHINE_NODE, bench, file, '5']))
    return {rows: measured.map((row, index) => ({...row, calls: [1, ...counts][index]}))}
  } finally {
    await machine.down()
  }
}

export function profilesText({rows}) {
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
