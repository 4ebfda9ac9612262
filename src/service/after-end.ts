import {GatewayExit, RAN_STATES, UNSTARTED_STATES} from '../gateway/contract.js'
import type {LastWords} from '../gateway/last-words.js'
import {type EndLine, OOM_RESULT} from './end-line.js'
import {delayMs, type RestartPolicy} from './restart-policy.js'

/** How a gateway ended, and what it was meant to do. */
export interface GatewayEnd {
  /** Exit status; null if it was ended by a signal or could not be started. */
  readonly code: number | null
  readonly signal: string | null
  /** errno name, if it could not be started. */
  readonly failure?: string | undefined
  readonly upMs: number
  /** The kernel has killed in its control group for lack of memory since its start. */
  readonly wasMemoryShort?: boolean
  /** What this very gateway has left in its files. */
  readonly words: LastWords
  /** Somebody asked for the stop. */
  readonly isAsked: boolean
  /** A command of ours has asked for this end, to have the gateway started anew. */
  readonly isRestartAsked?: boolean
  /** It is recorded that the operator has it stopped. */
  readonly isStopped: boolean
}

/** What follows: how many failures there were in a row now, and the wait before the next start in ms; null if there is none. */
export interface AfterEnd {
  readonly failures: number
  readonly waitMs: number | null
  /** What came of it, as the journal has it. */
  readonly reason: EndLine['reason']
  /** One sentence for the log. */
  readonly text: string
}

/**
 * The rule of the helper `after-exit`, for where no manager calls that: a restart that its files say was requested starts it at once, and so
 * does 75 of a gateway that ran; 78 never. Pure.
 */
export function afterEnd(policy: RestartPolicy, failuresBefore: number, end: GatewayEnd): AfterEnd {
  const what = describeEnd(end)
  if (end.isAsked) return {reason: 'stop', failures: 0, waitMs: null, text: `${what}; this stop was requested`}
  if (end.code === GatewayExit.fatalConfiguration) {
    const text = `${what}: its configuration is wrong, so it stays down until somebody fixes it`
    return {reason: 'config', failures: failuresBefore, waitMs: null, text}
  }
  // Without a stop that was asked for 0 is what older gateways end with on any signal, too: only the record tells.
  if (end.isStopped && (end.code === GatewayExit.stopped || end.isRestartAsked)) {
    return {reason: 'stop', failures: 0, waitMs: null, text: `${what}; somebody has stopped the service`}
  }
  if (end.isRestartAsked)
    return {
      reason: 'stop',
      failures: 0,
      waitMs: policy.restartDelayMs,
      text: `${what}; a restart was requested, so it starts again at once`,
    }
  const isLoopWatchdog = end.code === GatewayExit.restart && end.words.isLoopWatchdog
  if (!isLoopWatchdog && isPlanned(policy, end)) {
    return {reason: 'planned', failures: 0, waitMs: policy.restartDelayMs, text: `${what}: a planned restart, so it starts again at once`}
  }
  const failures = (end.upMs >= policy.forgetAfterMs ? 0 : failuresBefore) + 1
  const waitMs = Math.max(policy.restartDelayMs, delayMs(policy, failures))
  const why = isLoopWatchdog ? ', because its event loop did not respond to its own watchdog' : ''
  const reason = isLoopWatchdog ? 'loop' : 'failure'
  return {reason, failures, waitMs, text: `${what}${why}; failure ${failures} in a row, the next start waits ${seconds(waitMs)} s`}
}

/** Gateways up to 0.16 end a restart with 0 under systemd, and newer ones exit with 75 also when they cannot start. */
function isPlanned({plannedAfterMs}: RestartPolicy, {code, words: {said, isRestartPending, isStopPlanned}, upMs}: GatewayEnd): boolean {
  const {gatewayState, restartRequested = false} = said ?? {}
  if (UNSTARTED_STATES.has(gatewayState)) return false
  if (restartRequested || isRestartPending || isStopPlanned) return true
  if (code !== GatewayExit.restart) return false
  return said ? RAN_STATES.has(gatewayState) : upMs >= plannedAfterMs
}

function describeEnd({code, signal, failure, upMs}: GatewayEnd): string {
  if (failure !== undefined) return `gateway could not be started (${failure})`
  const how = code === null ? `was killed by ${signal ?? 'a signal'}` : `exited with ${code}`
  return `gateway ${how} after ${seconds(upMs)} s`
}

function seconds(ms: number): string {
  return String(Math.round(ms) / 1000)
}

/** The same end as the journal has it. */
export function endLine(nowMs: number, end: GatewayEnd, {reason, failures, waitMs}: AfterEnd): EndLine {
  const {code, signal, upMs, failure} = end
  const how = failure !== undefined ? '' : code === null ? 'killed' : 'exited'
  const status = how === '' ? '' : (code?.toString() ?? signal?.replace(/^SIG/, '') ?? '')
  const result = how === '' ? 'resources' : wasKilledForMemory(end) ? OOM_RESULT : ''
  const line = {time: new Date(nowMs).toISOString(), event: 'end', code: how, status, result, uptimeMs: Math.round(upMs)} as const
  return {...line, reason, failures, delayMs: Math.round(waitMs ?? 0)}
}

/** By the kernel: who asks for an end by SIGKILL has asked for it. */
function wasKilledForMemory({code, signal, wasMemoryShort, isAsked, isRestartAsked}: GatewayEnd): boolean {
  return wasMemoryShort === true && code === null && signal === 'SIGKILL' && !isAsked && isRestartAsked !== true
}
