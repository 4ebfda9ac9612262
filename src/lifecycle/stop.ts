import {type DesiredState} from '../gateway/contract.js'
import {performSteps} from '../plan/perform.js'
import {committing, failingLate, inPhase, onUndo, type Plan, type Progress, type SignalStep} from '../plan/plan.js'
import {companionsOf, companionsText} from './companions.js'
import {isInsideGateway, requireManaged} from './inside.js'
import {mirrorIntent, recordIntent} from './intent.js'
import {gatewayProcess, KILL_MS, ladder, TERMINATE_MS} from './ladder.js'
import {type Observation, askUnseen, isUnseen, prove, requireVisible} from '../observe/look.js'
import {Phase} from './phase.js'
import {requireInstalled} from './start.js'
import type {Target} from '../observe/where.js'
import {waitUntilDown} from './wait.js'

export interface StopOptions {
  readonly timeoutMs: number
  /** Stop it for now only: it should run, and starts again at the next boot if it is enabled. */
  readonly untilBoot: boolean
  /** Do not wait for what the gateway is working on. */
  readonly force: boolean
  /** How long a loop must not be seen working before it is called wedged. */
  readonly wedgeWindowMs: number
}

/**
 * Plans a stop that lasts: intent, the gateway gone and the service inactive, and kept down over a reboot; or one until the next boot, with
 * intent and enablement as they were. A gateway that is wedged is killed, one outside its service is ended too. What was done is not undone
 * if the gateway does not stop in time: the intent stands, and so does the manager's own stop. It stops also where the disk takes no record of that,
 * and then says so.
 */
export async function planStop(target: Target, options: StopOptions): Promise<Plan> {
  const seen = await prove(target, options.wedgeWindowMs)
  requireInstalled(target, seen)
  const {manager, service, host} = target
  const isDown = seen.manager.activity === 'stopped' && seen.verdict.pid === undefined && !isAboutToRestart(target)
  if (isDown) requireVisible(target, seen)
  const desired = options.untilBoot ? lastingIntent(seen) : 'stopped'
  const intent = desired
    ? inPhase(
        options.untilBoot ? Phase.recordUntilBoot : Phase.record(desired),
        recordIntent(target, seen, desired, options.untilBoot ? 'stop --until-boot' : 'stop', {
          untilBoot: desired === 'running',
          isBeside: true,
        }),
      )
    : []
  const disable =
    seen.manager.enabled && !options.untilBoot
      ? inPhase(Phase.disable, [...onUndo(manager.control.enable(service)), ...failingLate(manager.control.disable(service))])
      : []
  const title = `stop ${service.name}`
  if (seen.verdict.pid !== undefined && isInsideGateway(host, seen.verdict.pid)) {
    requireManaged(target, seen, 'stop')
    return {
      title,
      steps: [...intent, ...disable, ...inPhase(Phase.stop, manager.control.stop(service))],
      lasts: true,
      outcome: `${manager.title} was told to stop ${service.name}. That also ends this command, which runs inside the gateway`,
    }
  }
  const steps = [
    ...intent,
    ...disable,
    ...(isDown ? [] : [...inPhase(Phase.stop, manager.control.stop(service)), ...committing(endOthers(target, seen, options))]),
  ]
  const companions = companionsOf(target, seen)
  return {
    title,
    steps,
    ...(isDown ? {} : {verifyPhase: Phase.down, verify: (progress) => seeItGone(target, {...options, desired}, progress)}),
    lasts: true,
    outcome: () => {
      const isDone = steps.length === 0
      const what = `${service.name} is ${isDone ? 'already ' : ''}stopped${howLong(seen, options)}`
      return isDone ? `${what}; nothing was changed` : what + companionsText(target, companions)
    },
  }
}

/** True if the service's gateway has left it to the manager to start it again. */
export function isAboutToRestart({manager, service}: Target): boolean {
  return (manager.control.callOffRestart?.(service) ?? []).length > 0
}

/** What is wanted beyond the next boot by what is recorded, else by what the manager would do; undefined if a stop says nothing new of it. */
function lastingIntent({desired, manager}: Observation): DesiredState | undefined {
  if (desired.kind === 'recorded') return desired.record.desiredState
  return manager.enabled ? 'running' : undefined
}

function howLong({manager}: Observation, {untilBoot}: StopOptions): string {
  if (!untilBoot) return ''
  return manager.enabled === false ? ' and not enabled, so it stays stopped after the next boot' : ' until the next boot'
}

async function seeItGone(
  target: Target,
  options: StopOptions & {readonly desired: DesiredState | undefined},
  progress: Progress,
): Promise<void> {
  const down = await askUnseen(target, await waitUntilDown(target, {timeoutMs: options.timeoutMs, progress}))
  // Only now may the field be inserted: nobody else writes the file any more.
  const mirror = options.desired ? [mirrorIntent(target, options.desired, isUnseen(down))] : []
  await performSteps(target.host, [...target.manager.control.settle(target.service), ...mirror], progress)
  requireVisible(target, down)
}

/**
 * The rungs for a gateway that the manager's stop does not end, or not at once: it waits for the whole drain even where nothing can answer, and knows
 * nothing of a gateway outside its service.
 */
export function endOthers(target: Target, seen: Observation, {timeoutMs, force}: Pick<StopOptions, 'timeoutMs' | 'force'>): SignalStep[] {
  const {verdict} = seen
  const gateway = gatewayProcess(seen.gateway, verdict.pid)
  if (!gateway || (verdict.state !== 'wedged' && seen.supervised !== false && !force)) return []
  const times = {drainMs: 0, answerMs: 0, terminateMs: Math.min(TERMINATE_MS, timeoutMs), killMs: KILL_MS}
  return ladder(target, gateway, {verdict, times, force: true})
}
