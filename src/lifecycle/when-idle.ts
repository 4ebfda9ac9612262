import {ExitStatus, ServiceError} from '../errors.js'
import {HomeFile, StateWord} from '../gateway/contract.js'
import {stateOf} from '../gateway/observation.js'
import {type GatewayState, readGatewayState} from '../gateway/records.js'
import {type GatewayProcess, isStillThere} from '../gateway/signal-gateway.js'
import {HostError} from '../host/host.js'
import {waitUntil} from '../host/wait-until.js'
import {observe} from '../observe/look.js'
import type {Progress, Step} from '../plan/plan.js'
import type {Target} from '../observe/where.js'
import {drainRequest, drainRequestFile, lostRequester} from './drain-request.js'
import {isInsideGateway} from './inside.js'
import {gatewayProcess} from './ladder.js'
import {ownCommand} from './own-command.js'

/** How long a gateway is waited for that is at work, unless something else is said. */
export const IDLE_WITHIN_MS = 3_600_000

/** A gateway writes its file at the begin and at the end of each turn, so that nothing is missed for long. */
const LOOK_EVERY_MS = 500
/** It looks for the request once a second. */
const ANSWER_WITHIN_MS = 5000
/** While it is asked it refuses what people write to it, so it is not asked often where its answer is no. */
const ASK_AGAIN_MS = 30_000
/** A number of units that was the same for so long may be what it counted when it was last asked, and no turn has begun or ended since: it is asked then. */
const UNCHANGED_MS = 60_000

/** A gateway that has no work and takes none, until it is let go or ends. */
export interface Quiet {
  /** Lets it take work again; does nothing the second time. Never throws. */
  readonly release: () => void
}

export interface IdleOptions {
  readonly limitMs: number
  /** Told what is waited for, again and again. What it throws ends the wait. */
  readonly progress: Progress
}

/**
 * Waits until the service's gateway has nothing in hand: no turn, no cron job, nothing from its API. It is asked to take no more for that (upstream's request
 * to drain): only then it counts what does not come from a chat, and nothing can begin between the answer and what is done then. Holds no lock, so that
 * ticks and other commands go on. Undefined where there is nothing to wait for: no gateway that works, or the one that this command runs inside, which
 * finishes its turn by itself. Throws `not-idle` (exit 1) after the time, and `cannot-tell-idle` (exit 4) for a gateway that does not tell; nothing was done then.
 */
export async function untilIdle(target: Target, {limitMs, progress}: IdleOptions): Promise<Quiet | undefined> {
  const {host, service} = target
  const seen = observe(target)
  const {verdict} = seen
  const gateway = gatewayProcess(seen.gateway, verdict.pid)
  if (verdict.state === 'unknown') throw cannotTell(target, verdict.pid, 'hermes-svc cannot tell whether the gateway is alive')
  if (!gateway || verdict.state !== 'alive' || isInsideGateway(host, gateway.pid)) return undefined
  let askAtMs = 0
  let busy: string | undefined
  let said: {readonly units: number; readonly sinceMs: number} | undefined
  const onWait = () => progress(busy ?? 'asking it')
  const look = async (): Promise<Quiet | undefined> => {
    if (!isStillThere(target, gateway)) throw ended(target, gateway)
    const state = saidBy(target, gateway)
    if (!state) throw cannotTell(target, gateway.pid, `${HomeFile.state} does not describe this gateway`)
    const nowMs = host.monotonicMs()
    const units = state.activeAgents
    if (said?.units !== units) said = {units, sinceMs: nowMs}
    if (units > 0) busy = workText(state)
    if (nowMs < (units > 0 ? Math.max(askAtMs, said.sinceMs + UNCHANGED_MS) : askAtMs)) return undefined
    const answer = await askForQuiet(target, gateway, onWait)
    if ('release' in answer) return answer
    busy = answer.busy
    askAtMs = host.monotonicMs() + ASK_AGAIN_MS
    said = {units: answer.units, sinceMs: host.monotonicMs()}
    return undefined
  }
  const quiet = await waitUntil(host, {limitMs, everyMs: LOOK_EVERY_MS, onWait}, look)
  if (quiet) return quiet
  throw new ServiceError(
    `${service.name} (pid ${gateway.pid}) was busy all the time: ${busy ?? 'it did not say with what'}. Nothing was changed`,
    {
      code: 'not-idle',
      exitStatus: ExitStatus.failed,
      next: [`${ownCommand(target, 'restart')}   # asks the gateway to finish its turns, then restarts it`],
    },
  )
}

/** The same as a step, for what is short: its command holds the home's lock meanwhile. The steps after it follow at once. */
export function idleStep(target: Target, limitMs: number): Step {
  return {
    kind: 'wait-until',
    why: 'wait until the gateway is idle',
    limitMs,
    until: async (progress) => {
      const quiet = await untilIdle(target, {limitMs, progress})
      quiet?.release()
      return true
    },
  }
}

/** What the gateway says of itself; undefined if the file is of another one, or cannot be read. */
function saidBy({userHost, service}: Target, {pid}: GatewayProcess): GatewayState | undefined {
  const state = stateOf(readGatewayState(userHost, service.profile.home))
  return state?.process?.pid === pid ? state : undefined
}

function workText({activeAgents, activeWork}: GatewayState): string {
  return activeWork.length > 0 ? activeWork.join(', ') : `${activeAgents} ${activeAgents === 1 ? 'unit' : 'units'} of work`
}

interface Busy {
  /** In words. */
  readonly busy: string
  readonly units: number
}

/** Asks it to take no more work, and whether it has any. Where it has, the request is taken back. */
async function askForQuiet(target: Target, gateway: GatewayProcess, onWait: () => void): Promise<Quiet | Busy> {
  const {host, userHost, service} = target
  const {home} = service.profile
  const file = drainRequestFile(home)
  // Somebody else's is heeded as well, and is theirs to take back.
  const isOurs = userHost.lstat(file) === undefined || lostRequester(target, home) !== undefined
  if (isOurs) userHost.writeAtomic(file, drainRequest(target), 0o600)
  let isReleased = !isOurs
  const release = () => {
    if (isReleased) return
    isReleased = true
    forgetExit()
    try {
      userHost.removeFile(file)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
    }
  }
  // A second Ctrl-C ends the process at once, and a gateway that nobody lets go refuses everybody for an hour.
  const forgetExit = host.onExit(release)
  let isQuiet = false
  try {
    const drains = () => {
      const state = saidBy(target, gateway)
      return state?.gatewayState === StateWord.draining && state
    }
    const state = await waitUntil(host, {limitMs: ANSWER_WITHIN_MS, onWait}, drains)
    if (!state) {
      if (!isStillThere(target, gateway)) throw ended(target, gateway)
      throw cannotTell(target, gateway.pid, 'it ignores the request to take no more work, as gateways before 0.17 do')
    }
    isQuiet = state.activeAgents === 0
    return isQuiet ? {release} : {busy: workText(state), units: state.activeAgents}
  } finally {
    if (!isQuiet) release()
  }
}

function ended({service}: Target, {pid}: GatewayProcess): ServiceError {
  return new ServiceError(`The gateway of ${service.name} (pid ${pid}) ended while hermes-svc waited for it. Nothing was changed`, {
    code: 'not-idle',
    exitStatus: ExitStatus.failed,
    next: ['run the same command again'],
  })
}

function cannotTell(target: Target, pid: number | undefined, why: string): ServiceError {
  const which = pid === undefined ? '' : ` (pid ${pid})`
  return new ServiceError(`hermes-svc cannot tell whether ${target.service.name}${which} is idle: ${why}. Nothing was changed`, {
    code: 'cannot-tell-idle',
    exitStatus: ExitStatus.cannotTell,
    next: [`${ownCommand(target, 'restart')}   # asks the gateway to finish its turns, then restarts it`],
  })
}
