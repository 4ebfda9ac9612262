import {GatewaySignal} from '../gateway/contract.js'
import {ExitStatus, ServiceError} from '../errors.js'
import type {ProcessInfo} from '../gateway/process-info.js'
import {whatHolds} from '../gateway/process.js'
import type {GatewayProcess} from '../gateway/signal-gateway.js'
import type {GatewayObservation} from '../gateway/observation.js'
import type {Verdict} from '../observe/judge.js'
import type {AppliedStep, Condition, SignalStep} from '../plan/plan.js'
import {workOf} from '../plan/signal.js'
import type {Target} from '../observe/where.js'

/** How long each rung may take, in ms. */
export interface LadderTimes {
  /** Asked by SIGUSR1, a gateway that works is given this long to finish: its own drain and the turns before it. */
  readonly drainMs: number
  /** One that has not shown within this time that it was asked is not going to. */
  readonly answerMs: number
  readonly terminateMs: number
  readonly killMs: number
}

export const ANSWER_MS = 30_000
export const TERMINATE_MS = 10_000
export const KILL_MS = 5000
/** For what the gateway has started, which has no work of its own to finish. */
const COMPANION_MS = 5000

export interface LadderOptions {
  readonly verdict: Verdict
  readonly times: LadderTimes
  /** Begin at SIGTERM. */
  readonly force: boolean
  /** When all waiting ends, on the monotonic clock; but after SIGKILL, since the kernel needs a moment. */
  readonly deadlineMs?: number
}

/** The process that a verdict is about; undefined if there is none. */
export function gatewayProcess(gateway: GatewayObservation, pid: number | undefined): GatewayProcess | undefined {
  const info = pid === undefined ? undefined : gateway.processes.get(pid)
  return info && gatewayOf(info)
}

/** What tells a process from any other that has its pid later. */
export function gatewayOf({pid, startTime, startSlack}: GatewayProcess): GatewayProcess {
  return {pid, startTime, ...(startSlack === undefined ? {} : {startSlack})}
}

/**
 * The rungs by which a gateway is ended, as gently as its state allows: ask it to finish its work (SIGUSR1), then SIGTERM with the planned-stop marker,
 * then SIGKILL. A wedged one runs no handler, so it is killed at once; one that works is never killed while its drain lasts: where the deadline comes
 * before that, it is left alone (ServiceError `not-ended`, exit 1, as for one that survives it all).
 */
export function ladder(target: Target, gateway: GatewayProcess, options: LadderOptions): SignalStep[] {
  const {times, verdict, force, deadlineMs} = options
  const {manager, service} = target
  const {home} = service.profile
  const isWedged = verdict.state === 'wedged'
  const which = `the gateway (pid ${gateway.pid})`
  const rung = {
    ...({kind: 'signal', process: gateway, home, as: service.account} as const),
    ...(deadlineMs === undefined ? {} : {deadlineMs}),
  }
  const ask: SignalStep = {
    ...rung,
    why: `ask ${which} to finish its work (${GatewaySignal.restart})`,
    signal: GatewaySignal.restart,
    waitMs: verdict.state === 'alive' ? times.drainMs : times.answerMs,
    answerMs: times.answerMs,
    survived: (isTimeUp) => (isTimeUp ? outOfTime(target, verdict) : undefined),
  }
  const end = {...rung, memory: manager.placement.placesOf(service).memory}
  const stop: SignalStep = {
    ...end,
    why: `stop ${which} (${GatewaySignal.stop})`,
    signal: GatewaySignal.stop,
    waitMs: times.terminateMs,
    isPlannedStop: true,
    ...(force ? {} : {onlyIf: notEnded(gateway)}),
  }
  const kill: SignalStep = {
    ...end,
    why: `kill ${which}${isWedged ? ', which does not respond' : ''} (SIGKILL)`,
    signal: 'SIGKILL',
    waitMs: times.killMs,
    deadlineMs: Infinity,
    survived: () => survived(target, verdict),
    ...(isWedged ? {} : {onlyIf: notEnded(gateway)}),
  }
  return isWedged ? [kill] : force ? [stop, kill] : [ask, stop, kill]
}

/** The rungs for what is no gateway: SIGTERM, then SIGKILL, to the very process only. `not-ended` (exit 1) for one that is there all the same. */
export function endSteps({host, service}: Target, {pid, startTime, argv}: ProcessInfo): SignalStep[] {
  const process = {pid, startTime}
  const which = `pid ${pid} (${programOf(argv)})`
  const rung = {kind: 'signal', process, as: service.account, waitMs: COMPANION_MS} as const
  const failure = () => new ServiceError(`pid ${pid} still exists after SIGKILL`, {...NOT_ENDED, next: [whatHolds(host, pid)]})
  return [
    {...rung, why: `end ${which}`, signal: 'SIGTERM'},
    {...rung, why: `kill ${which}`, signal: 'SIGKILL', survived: failure, onlyIf: notEnded(process)},
  ]
}

/** What a process runs, in a word. */
export function programOf(argv: readonly string[]): string | undefined {
  return (argv[0] ?? '?').split('/').at(-1)
}

/** A rung is for what the ones before it have not ended. */
function notEnded({pid}: GatewayProcess): Condition {
  return {when: 'the process still exists', holds: (before) => lastSignal(before, pid)?.came !== true}
}

/** True if a gateway was asked to restart, and has ended for that. */
export function hasEndedAsked(before: readonly AppliedStep[], {pid}: GatewayProcess): boolean {
  const last = lastSignal(before, pid)
  return last?.came === true && last.step.kind === 'signal' && last.step.signal === GatewaySignal.restart
}

/** The last signal that was sent to a process. */
function lastSignal(before: readonly AppliedStep[], pid: number): AppliedStep | undefined {
  return before.findLast(({step, changed}) => changed && step.kind === 'signal' && step.process.pid === pid)
}

const NOT_ENDED = {code: 'not-ended', exitStatus: ExitStatus.failed} as const

/** What is left to say of a gateway that is not done with its work when the time is up: it is not killed for that. */
function outOfTime(target: Target, {pid, evidence}: Verdict): ServiceError {
  const work = workOf(target, target.service.profile.home)
  const what = `The gateway (pid ${pid}) was asked to restart${work}, but did not end in time. It keeps running until its work is done`
  return new ServiceError(what, {...NOT_ENDED, next: ['hermes-svc restart --force'], evidence})
}

/** What is left to say of a gateway that survived SIGKILL. */
function survived({host}: Target, {pid, evidence}: Verdict): ServiceError {
  const what = `The gateway (pid ${pid}) still exists after SIGKILL: the kernel holds it, usually in a stuck disk or network operation`
  return new ServiceError(what, {...NOT_ENDED, next: [`${whatHolds(host, pid ?? 0)}; only a reboot may end it`], evidence})
}
