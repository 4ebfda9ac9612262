import type {AccountHost} from '../host/host.js'
import {statIfAllowed} from '../host/tolerant-read.js'
import {waitUntil} from '../host/wait-until.js'
import {GatewayExit, UP_STATES} from '../gateway/contract.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {stateOf} from '../gateway/observation.js'
import {isThere} from '../gateway/process.js'
import {pidFile, stateFile} from '../gateway/records.js'
import {describeBrake} from '../gateway/respawn-brake.js'
import {exitedWith, type ManagerObservation} from '../managers/manager.js'
import {performSteps} from '../plan/perform.js'
import type {Progress} from '../plan/plan.js'
import {ownWords, type SaidBefore, saidNow} from './own-words.js'
import {type Observation, observe} from '../observe/look.js'
import {ownCommand} from './own-command.js'
import type {Target} from '../observe/where.js'

/** How often a waiting command looks again, and how often it asks the manager of a gateway of which nothing else has changed. */
const LOOK_EVERY_MS = 100
const ASK_EVERY_MS = 500
/** This many ends in a row while it should come up, and it is not coming up. */
const HOPELESS_RESTARTS = 3
const LOG_LINES = 10

/** True if the gateway itself says that it runs, as a living process of this service. */
export function isUp(seen: Observation): boolean {
  const state = stateOf(seen.gateway.state)
  return (
    seen.verdict.state === 'alive' &&
    seen.manager.activity === 'running' &&
    seen.supervised !== false &&
    state?.process?.pid === seen.verdict.pid &&
    UP_STATES.has(state?.gatewayState)
  )
}

/**
 * Waits until the gateway itself says `running` under another pid than `previousPid`; `before`: what was seen before it was to start. Throws
 * (exit 1, with its last words) when it fails for good, ends again and again, or does not come up in `timeoutMs`. The time in which it sleeps by
 * its own brake does not count; `deadlineMs` is the end of it all the same, on the monotonic clock.
 */
export async function waitUntilUp(
  target: Target,
  options: {before?: Observation; previousPid: number | undefined; timeoutMs: number; deadlineMs?: number; progress: Progress},
): Promise<Observation> {
  const {host, manager} = target
  const {deadlineMs = Infinity, previousPid, timeoutMs, progress} = options
  const beganMs = host.monotonicMs()
  let [startMs, lookedMs] = [beganMs, beganMs]
  const news = newsOf(target)
  news.isDue(undefined)
  let seen = observe(target)
  const [before, said] = [seen.manager, saidNow(options.before ?? seen)]
  let lastExit = before.lastExit
  let isFirst = true
  const isNew = () => isUp(seen) && seen.verdict.pid !== previousPid
  const tooLate = () => {
    const limitMs = Math.min(timeoutMs, Math.max(0, deadlineMs - beganMs))
    return notUp(target, `it did not report "running" within ${Math.round(limitMs / 100) / 10} s; ${situation(seen)}`, seen, said)
  }
  const look = async (): Promise<Observation | undefined> => {
    if (!isFirst) {
      if (!news.isDue(undefined) && host.monotonicMs() - startMs <= timeoutMs) return undefined
      seen = observe(target)
    }
    isFirst = false
    if (isNew()) {
      news.expect()
      if (!manager.control.callOffRestart) return seen
      const {pid} = seen.verdict
      if (!(await callOffRestart(target, progress))) {
        // Seen once more after that: a restart that was to come may have begun.
        seen = observe(target)
        if (isNew() && seen.verdict.pid === pid) return seen
      }
    }
    const nowMs = host.monotonicMs()
    if (seen.brake) startMs += nowMs - lookedMs
    lookedMs = nowMs
    // While the next one starts, the manager says nothing of how the last one ended.
    lastExit = seen.manager.lastExit ?? lastExit
    const hopeless = whyHopeless(target, {...seen.manager, lastExit}, before)
    if (hopeless) throw notUp(target, hopeless, seen, said)
    if (nowMs - startMs > timeoutMs) throw tooLate()
    return undefined
  }
  const onWait = () => progress(seen.brake ? situation(seen) : `${situation(seen)}; at most ${timeoutMs / 1000} s`)
  const up = await waitUntil(host, {limitMs: deadlineMs - beganMs, everyMs: LOOK_EVERY_MS, onWait}, look)
  if (!up) throw tooLate()
  return up
}

/**
 * Tells when it is time to ask a manager again of a gateway that is waited for. That takes a program or two, and a look at what a gateway leaves in its home
 * and at its process next to nothing; a gateway may take minutes to come up, or to finish its work.
 */
function newsOf({host, userHost, service}: Target): {isDue: (pid: number | undefined) => boolean; expect: () => void} {
  const files = [pidFile, stateFile].map((file) => file(service.profile.home))
  let [signs, askedMs] = ['', -Infinity]
  return {
    /** Whether anything has changed since it last was, or the manager was last asked long ago. `pid`: a process that may have ended. */
    isDue: (pid: number | undefined): boolean => {
      const now = [...files.map((file) => sign(userHost, file)), pid !== undefined && isThere(host, pid)].join()
      const nowMs = host.monotonicMs()
      if (now === signs && nowMs - askedMs < ASK_EVERY_MS) return false
      ;[signs, askedMs] = [now, nowMs]
      return true
    },
    /** What it says next comes without a sign. */
    expect: (): void => {
      askedMs = -Infinity
    },
  }
}

function sign(userHost: AccountHost, file: string): string {
  const stat = statIfAllowed(userHost, file)
  return stat ? `${stat.inode} ${stat.modifiedMs}` : ''
}

/**
 * Calls off a restart that the service's gateway has left to its manager; false if there is none to come. Whoever waits for a service to stay as it
 * is asks this, and then looks at the service: a restart that is called off may have begun.
 */
async function callOffRestart({manager, service, host}: Target, progress: Progress): Promise<boolean> {
  const steps = manager.control.callOffRestart?.(service) ?? []
  await performSteps(host, steps, progress)
  return steps.length > 0
}

/**
 * Waits until the manager says that the service is down, no gateway of its home is left, and none left it to the manager to start it again; what comes
 * of such a restart is stopped. Throws (exit 1) after `timeoutMs`.
 */
export async function waitUntilDown(target: Target, {timeoutMs, progress}: {timeoutMs: number; progress: Progress}): Promise<Observation> {
  const {host, manager, service} = target
  const news = newsOf(target)
  let seen!: Observation
  let pid: number | undefined
  const look = async (): Promise<boolean> => {
    const isCalledOff = await callOffRestart(target, progress)
    seen = observe(target)
    pid = seen.verdict.pid
    const {activity} = seen.manager
    // A restart that came first, between two looks or before it was called off.
    const isBack = isCalledOff || !(activity === 'stopped' || activity === 'failed' || activity === 'stopping')
    if (manager.control.callOffRestart && isBack) await performSteps(host, manager.control.stop(service), progress)
    return !isBack && activity !== 'stopping'
  }
  const isDown = async (): Promise<boolean> => {
    if (pid !== undefined && !news.isDue(pid)) return false
    // Only of a gateway that was gone at the look before no restart is to come any more.
    if (!(await look()) || (manager.control.callOffRestart && !(await look()))) return false
    if (seen.verdict.state === 'dead') return true
    if (pid === undefined) return seen.verdict.state === 'unknown'
    throw new ServiceError(`The service is stopped, but a gateway of this home still runs outside it: pid ${pid}`, {
      code: 'orphan-gateway',
      exitStatus: ExitStatus.failed,
      evidence: seen.verdict.evidence,
      next: [`kill ${pid}`],
    })
  }
  const onWait = () => progress(`${situation(seen)}; at most ${timeoutMs / 1000} s`)
  if (await waitUntil(host, {limitMs: timeoutMs, everyMs: LOOK_EVERY_MS, onWait}, isDown)) return seen
  throw new ServiceError(`The gateway did not stop within ${timeoutMs / 1000} s; ${situation(seen)}`, {
    code: 'not-stopped',
    exitStatus: ExitStatus.failed,
    next: [ownCommand(target, 'stop --force')],
    evidence: ownWords(target, LOG_LINES),
  })
}

/** One line on where a gateway stands, e.g. "pid 123, starting" or "the service is waiting (3 failures in a row)". */
function situation(seen: Observation): string {
  const state = stateOf(seen.gateway.state)
  const {manager, verdict, brake} = seen
  if (brake) return describeBrake(brake)
  if (verdict.pid !== undefined && state?.process?.pid === verdict.pid) {
    const agents = state.activeAgents > 0 ? `, ${count(state.activeAgents, 'active agent')}` : ''
    return `pid ${verdict.pid} says ${state.says ?? 'nothing'}${agents}`
  }
  const failures = manager.failuresInARow > 0 ? ` (${count(manager.failuresInARow, 'failure')} in a row)` : ''
  return verdict.pid === undefined
    ? `the service is ${manager.activity}${failures}`
    : `pid ${verdict.pid} is running, but has not reported anything yet`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function whyHopeless(target: Target, seen: ManagerObservation, before: ManagerObservation): string | undefined {
  if (seen.activity === 'failed') {
    if (exitedWith(seen.lastExit, GatewayExit.fatalConfiguration)) {
      return `it ended with ${GatewayExit.fatalConfiguration}: its configuration is wrong, and another start cannot help`
    }
    return `the service has failed (${describeExit(target, seen)})`
  }
  // Failures from before are forgotten only once the gateway has ended in good order.
  const ends = Math.max(seen.failuresInARow - before.failuresInARow, seen.restarts - before.restarts)
  return ends >= HOPELESS_RESTARTS && seen.activity !== 'running'
    ? `it ended ${ends} times in a row (${describeExit(target, seen)})`
    : undefined
}

/** How the main process last ended, in words, or why there was none. */
function describeExit({manager}: Target, seen: ManagerObservation): string {
  const failure = manager.definition.evidence(seen).startFailure
  if (failure && failure.kind !== 'limit') return `${manager.title} could not start it: ${failure.text}`
  if (!seen.lastExit) return 'no exit recorded'
  return seen.lastExit.how === 'exited' ? `exit status ${seen.lastExit.status}` : `${seen.lastExit.how} by signal ${seen.lastExit.status}`
}

function notUp(target: Target, why: string, seen: Observation, said: SaidBefore): ServiceError {
  return new ServiceError(`The gateway did not come up: ${why}`, {
    code: 'not-running',
    exitStatus: ExitStatus.failed,
    evidence: ownWords(target, LOG_LINES, seen, said),
    next: [ownCommand(target, 'doctor')],
  })
}
