import {performSteps} from '../plan/apply.js'
import {onUndo, type Plan, type Progress} from '../plan/plan.js'
import {isInsideGateway} from './inside.js'
import {mirrorIntent, recordIntent} from './intent.js'
import {endGateway, gatewayProcess, KILL_MS, type LadderTimes, notEnded, TERMINATE_MS} from './ladder.js'
import type {Observation} from './observe.js'
import {prove} from './prove.js'
import {requireInstalled} from './start.js'
import type {Target} from './target.js'
import {waitUntilDown} from './wait.js'

export interface StopOptions {
  readonly timeoutMs: number
  /** Leave it enabled: it starts again at the next boot. */
  readonly untilBoot: boolean
  /** Do not wait for what the gateway is working on. */
  readonly force: boolean
  /** How long a loop must not be seen working before it is called wedged. */
  readonly wedgeWindowMs: number
}

/**
 * Plans a stop that lasts: intent, the gateway gone and the service inactive, and kept down over a reboot. A gateway that is wedged is killed,
 * one outside its service is ended too. What was done is not undone if the gateway does not stop in time: the intent stands, and so does the
 * manager's own stop.
 */
export async function planStop(target: Target, options: StopOptions): Promise<Plan> {
  const seen = await prove(target, options.wedgeWindowMs)
  requireInstalled(target, seen)
  const {manager, service, host} = target
  const isDown = seen.manager.activity === 'stopped' && seen.verdict.pid === undefined
  const intent = recordIntent(target, seen, 'stopped', 'stop', options.untilBoot)
  const disable = seen.manager.enabled && !options.untilBoot ? [...onUndo(manager.enable(service)), ...manager.disable(service)] : []
  const title = `stop ${service.name}`
  if (seen.verdict.pid !== undefined && isInsideGateway(host, seen.verdict.pid)) {
    return {
      title,
      steps: [...intent, ...disable, ...manager.stop(service)],
      lasts: true,
      outcome: `${manager.title} was told to stop ${service.name}, which also ends this command: it runs inside`,
    }
  }
  const steps = [...intent, ...disable, ...(isDown ? [] : manager.stop(service))]
  return {
    title,
    steps,
    ...(isDown ? {} : {verify: (progress) => seeItGone(target, seen, options, progress)}),
    lasts: true,
    outcome: steps.length === 0 ? `${service.name} is stopped already; nothing was changed` : `${service.name} is stopped`,
  }
}

async function seeItGone(target: Target, seen: Observation, options: StopOptions, progress: Progress): Promise<void> {
  await endAndSeeItGone(target, seen, options, progress)
  // Only now may the field be inserted: nobody else writes the file any more.
  const mirror = options.untilBoot ? [] : [mirrorIntent(target, 'stopped', false)]
  await performSteps(target.host, [...target.manager.settle(target.service), ...mirror], progress)
}

/** Waits until a gateway that its manager was told to stop is gone, and ends what would keep it waiting. Throws (exit 1) if it stays. */
export async function endAndSeeItGone(
  target: Target,
  seen: Observation,
  options: Pick<StopOptions, 'timeoutMs' | 'force'>,
  progress: Progress,
): Promise<void> {
  await endWhatTheManagerWouldNot(target, seen, options, progress)
  await waitUntilDown(target, {timeoutMs: options.timeoutMs, progress})
}

/** The manager's stop waits for the whole drain even where nothing can answer, and knows nothing of a gateway outside its service. */
async function endWhatTheManagerWouldNot(
  target: Target,
  seen: Observation,
  options: Pick<StopOptions, 'timeoutMs' | 'force'>,
  progress: Progress,
): Promise<void> {
  const gateway = gatewayProcess(seen.gateway, seen.verdict.pid)
  if (!gateway || (seen.verdict.state !== 'wedged' && seen.supervised !== false && !options.force)) return
  const times: LadderTimes = {drainMs: 0, answerMs: 0, terminateMs: TERMINATE_MS, killMs: KILL_MS}
  const deadlineMs = target.host.monotonicMs() + options.timeoutMs
  const rung = await endGateway(target, gateway, {verdict: seen.verdict, times, force: true, deadlineMs, progress})
  if (rung === 'survived') throw notEnded(seen.verdict)
}
