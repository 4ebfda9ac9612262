// How long `restart` takes in each state that a gateway may be in, in a throw-away machine, beside what the gateway itself needs.
import {loadSource, ROOT} from './source.mjs'

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
 * Brings a service of its own into every state and restarts it, once. `sec`: the whole command; `ownSec`: what the gateway itself needs to end
 * as it does in that state, and a healthy one to start, both without any service.
 */
export async function measureRestarts({quiet}) {
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
      if (!quiet) process.stderr.write('.')
    }
    if (!quiet) process.stderr.write('\n')
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

export function restartText({rows}) {
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
