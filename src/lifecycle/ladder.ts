import type {Verdict} from '../observe/judge.js'
import {waitUntil} from '../host/wait-until.js'
import {announceEnd} from './announce-end.js'
import {GatewaySignal, StateWord} from '../gateway/contract.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {whatHolds} from '../gateway/process.js'
import {readGatewayState} from '../gateway/records.js'
import {type GatewayObservation, stateOf} from '../gateway/observation.js'
import {HostError} from '../host/host.js'
import type {Progress} from '../plan/plan.js'
import {type GatewayProcess, isStillThere, signalGateway, writePlannedStop} from '../gateway/signal-gateway.js'
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

const LOOK_EVERY_MS = 50

/** The rung on which a gateway ended; `survived`: none of them ended it. */
export type Rung = 'gone' | 'asked' | 'terminated' | 'killed' | 'survived'

export interface LadderOptions {
  readonly verdict: Verdict
  readonly times: LadderTimes
  /** Begin at SIGTERM. */
  readonly force: boolean
  /** On the monotonic clock; Infinity for none. */
  readonly deadlineMs: number
  readonly progress: Progress
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
 * Ends a gateway, as gently as its state allows: ask it to finish its work (SIGUSR1), then SIGTERM with the planned-stop marker, then SIGKILL.
 * A wedged one runs no handler, so it is killed at once; one that works is never killed while its drain lasts: where the deadline comes
 * before that, it is left alone (ServiceError `not-ended`, exit 1).
 */
export async function endGateway(target: Target, gateway: GatewayProcess, options: LadderOptions): Promise<Rung> {
  const {times, verdict} = options
  if (verdict.state !== 'wedged') {
    if (!options.force) {
      if (!signalGateway(target, gateway, GatewaySignal.restart)) return 'gone'
      const drainMs = verdict.state === 'alive' ? times.drainMs : times.answerMs
      if (
        await ends(
          target,
          gateway,
          drainMs,
          options,
          `to finish its work (${GatewaySignal.restart})`,
          answerLimit(target, gateway, times.answerMs),
        )
      )
        return 'asked'
      if (target.host.monotonicMs() >= options.deadlineMs) throw outOfTime(target, verdict)
    }
    announceEnd(target, gateway)
    announceStop(target, gateway, options.progress)
    if (!signalGateway(target, gateway, GatewaySignal.stop)) return 'gone'
    if (await ends(target, gateway, times.terminateMs, options, `to stop (${GatewaySignal.stop})`)) return 'terminated'
  }
  announceEnd(target, gateway)
  if (!signalGateway(target, gateway, 'SIGKILL')) return 'gone'
  // However late it is: the kernel needs a moment.
  return (await ends(target, gateway, times.killMs, {...options, deadlineMs: Infinity}, 'to be gone (SIGKILL)')) ? 'killed' : 'survived'
}

/** Without the marker the gateway takes the stop for an accident, which is counted as a failure; but it stops. */
function announceStop(target: Target, gateway: GatewayProcess, progress: Progress): void {
  try {
    writePlannedStop(target, gateway)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    progress(`stopping pid ${gateway.pid} without the planned-stop marker: ${error.message}`)
  }
}

/** What is left to say of a gateway that is not done with its work when the time is up: it is not killed for that. */
function outOfTime(target: Target, {pid, evidence}: Verdict): ServiceError {
  return new ServiceError(`The gateway (pid ${pid}) was asked to restart${work(target)}, and did not end in time; it is left to it`, {
    code: 'not-ended',
    exitStatus: ExitStatus.failed,
    evidence,
    next: ['hermes-svc restart --force'],
  })
}

/** What is left to say of a gateway that survived SIGKILL. */
export function notEnded({host}: Target, {pid, evidence}: Verdict): ServiceError {
  return new ServiceError(
    `The gateway (pid ${pid}) is still there after SIGKILL: the kernel holds it, usually in a stuck disk or network operation`,
    {
      code: 'not-ended',
      exitStatus: ExitStatus.failed,
      evidence,
      next: [`${whatHolds(host, pid ?? 0)}; only a reboot may end it`],
    },
  )
}

/** Waits until the process has ended, at most `limitMs`, or until `giveUp` says that waiting is in vain. */
async function ends(
  target: Target,
  gateway: GatewayProcess,
  limitMs: number,
  {deadlineMs, progress}: LadderOptions,
  what: string,
  giveUp: (waitedMs: number) => boolean = () => false,
): Promise<boolean> {
  const {host} = target
  const startMs = host.monotonicMs()
  const onWait = (leftMs: number) => progress(`waiting for pid ${gateway.pid} ${what}${work(target)}; ${Math.ceil(leftMs / 1000)} s left`)
  const limits = {limitMs: Math.min(limitMs, deadlineMs - startMs), everyMs: LOOK_EVERY_MS, onWait}
  const outcome = await waitUntil(host, limits, () => {
    if (!isStillThere(target, gateway)) return 'ended'
    return giveUp(host.monotonicMs() - startMs) && 'given up'
  })
  return outcome === 'ended'
}

/** In vain is the wait for a gateway that was asked and neither says so nor has work in hand. */
function answerLimit(target: Target, gateway: GatewayProcess, answerMs: number): (waitedMs: number) => boolean {
  return (waitedMs) => {
    if (waitedMs < answerMs) return false
    const state = stateOf(readGatewayState(target.userHost, target.service.profile.home))
    if (state?.process?.pid !== gateway.pid) return true
    return state.gatewayState !== StateWord.draining && !state.restartRequested && state.activeAgents === 0
  }
}

/** What the gateway says it still works on. */
function work(target: Target): string {
  const state = stateOf(readGatewayState(target.userHost, target.service.profile.home))
  if (!state) return ''
  const units = state.activeWork.length > 0 ? ` on ${state.activeWork.slice(0, 3).join(', ')}` : ''
  return state.activeAgents > 0 || units !== '' ? ` (${state.activeAgents} active agents${units})` : ''
}
