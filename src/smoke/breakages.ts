import path from 'node:path'
import {HomeFile, StateWord} from '../gateway/contract.js'
import type {Finding} from '../doctor/finding.js'
import {performSteps} from '../plan/perform.js'
import type {ThrowAwayService} from './throw-away.js'

/** What has just happened is no finding for some seconds. */
const FOUND_TIMEOUT_MS = 15_000
const ZOMBIE_TIMEOUT_MS = 15_000

/** One way to break a service, and the check whose findings say so. */
export interface Breakage {
  readonly id: string
  /** Breaks it. Resolves with what takes back, once all is over, what no fix is for. */
  readonly break: (service: ThrowAwayService) => Promise<(() => void) | undefined>
  /** Flags of the fix. */
  readonly fix?: readonly string[]
}

/** The files by which other programs go, as a gateway had left them that died without a word. */
export const staleState = (deadRecord: () => string): Breakage => ({
  id: 'stale-state',
  break: async ({userHost, home}) => {
    const [record, state] = [HomeFile.pid, HomeFile.state].map((name) => path.join(home, name)) as [string, string]
    const claimed = {...(JSON.parse(userHost.readText(state) ?? '{}') as object), gateway_state: StateWord.running}
    userHost.writeAtomic(record, deadRecord(), 0o600)
    userHost.writeAtomic(state, JSON.stringify(claimed), 0o600)
    // As if that had been a while ago.
    const aged = await userHost.run(['touch', '-t', '202001010000', record, state])
    if (aged.code !== 0) throw new Error(`touch: ${aged.failure ?? aged.stderr.trim()}`)
    return undefined
  },
})

/**
 * Python program: a gateway's parent that never reaps it. ORDER, in JSON: the home, and the gateway's argv. It is killed once it runs, and stays
 * a zombie until standard input ends. No shell will do: it reaps what it has started whenever it likes. In arguments the gateway's own would
 * make this process look like one.
 */
const MAKE_ZOMBIE = `import json, os, signal, sys, time
home, gateway = json.loads(os.environ.pop("ORDER"))
pid = os.fork()
if pid == 0:
    os.execv(gateway[0], gateway)
def runs():
    with open(home + "/${HomeFile.state}") as file:
        return json.load(file).get("gateway_state") == "${StateWord.running}"
limit = time.monotonic() + 10
while not runs() and time.monotonic() < limit:
    time.sleep(0.05)
os.kill(pid, signal.SIGKILL)
if hasattr(os, "waitid"):
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
open(home + "/zombie", "w").close()
sys.stdin.read()
`

/** A gateway that somebody has started by hand, and whose end nobody has looked at. */
export const ZOMBIE_PID: Breakage = {
  id: 'zombie-pid',
  break: async (service) => {
    const {userHost, home, gatewayArgv, gatewayEnv} = service
    const [python = ''] = gatewayArgv
    // It goes with this process, however that ends, and its gateway before that.
    const env = {...gatewayEnv, ORDER: JSON.stringify([home, [...gatewayArgv, 'gateway', 'run']])}
    const parent = userHost.tether([python, '-c', MAKE_ZOMBIE], {env, cwd: home})
    try {
      const isMade = await service.poll(ZOMBIE_TIMEOUT_MS, () => Promise.resolve(userHost.stat(path.join(home, 'zombie')) && true))
      if (!isMade) throw new Error(`cannot make a zombie: ${parent.result()?.stderr.trim() || 'its gateway did not start'}`)
    } catch (error) {
      parent.release()
      throw error
    }
    return () => parent.release()
  },
}

/** A gateway whose process is there, and which does nothing any more. */
export const MISSING_HEARTBEAT: Breakage = {
  id: 'missing-heartbeat',
  break: async (service) => {
    service.userHost.signal((await service.alivePid()).pid, 'SIGSTOP')
    return undefined
  },
}

/** A gateway that should run, stopped by the manager's own means. */
export const DESIRED_STATE: Breakage = {
  id: 'desired-state',
  break: async (service) => {
    const {manager, service: named, host} = await service.target()
    await performSteps(host, manager.control.stop(named), () => undefined)
    return undefined
  },
  fix: ['--desired', 'running'],
}

/**
 * Breaks a service, sees doctor find just that, has the fix cure it, and sees that doctor finds it no more. What doctor found before, of the
 * machine that this is, may stay. Returns what was seen; throws if anything else was.
 */
export async function breakAndCure(service: ThrowAwayService, {id, break: doBreak, fix = []}: Breakage): Promise<string> {
  const before = (await service.findings()).map(nameOf)
  const isNew = (finding: Finding) => !before.includes(nameOf(finding))
  const takeBack = await doBreak(service)
  try {
    const found = await service.poll(FOUND_TIMEOUT_MS, async () => {
      const findings = (await service.findings()).filter(isNew)
      return findings.length > 0 ? findings : undefined
    })
    if (found?.length !== 1 || found[0]?.id !== id) throw new Error(`doctor should find only ${id}, but it found: ${listed(found ?? [])}`)
    await service.hermesSvc(`fix ${id}`, '--yes', ...fix)
    const left = (await service.findings()).filter(isNew)
    if (left.length > 0) throw new Error(`after fix ${id}, doctor still finds: ${listed(left)}`)
    return `${found[0].what}; fixed${before.length > 0 ? ` (doctor also found before, and the test ignores: ${before.join(', ')})` : ''}`
  } finally {
    takeBack?.()
  }
}

const nameOf = ({id, kind}: Finding) => `${id} ${kind}`

function listed(findings: readonly Finding[]): string {
  return findings.length === 0 ? 'nothing' : findings.map((finding) => `${nameOf(finding)}: ${finding.what}`).join('; ')
}
