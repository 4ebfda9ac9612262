import {GatewaySignal} from '../gateway/contract.js'
import {askTimeoutSec, readDrain} from '../gateway/drain.js'
import {startsFile} from '../gateway/respawn-brake.js'
import {
  type AppliedStep,
  committing,
  inPhase,
  isFailure,
  type Plan,
  plannedAnew,
  type Progress,
  type SignalStep,
  type Step,
} from '../plan/plan.js'
import {requireGoodOutlook} from './before-restart.js'
import {companionsOf, companionsText} from './companions.js'
import {isInsideGateway, requireManaged} from './inside.js'
import {ownCommand} from './own-command.js'
import {ANSWER_MS, endSteps, gatewayProcess, hasEndedAsked, KILL_MS, ladder, type LadderTimes, TERMINATE_MS} from './ladder.js'
import {type Observation, observe, prove, requireVisible} from '../observe/look.js'
import {Phase} from './phase.js'
import {restartIsDoneIfDue} from './restart-due.js'
import type {GatewayProcess} from '../gateway/signal-gateway.js'
import {requireInstalled} from './start.js'
import type {Target} from '../observe/where.js'
import {waitUntilUp} from './wait.js'
import {wantRunning} from './want-running.js'
import {recordedState} from '../service/desired-state.js'

export interface RestartOptions {
  /** Begin at SIGTERM: the gateway does not finish its work first. */
  readonly force: boolean
  /** Restart a gateway that works onto what it cannot load, too. */
  readonly evenBroken?: boolean
  /** Leave one alone that was stopped on purpose, and is down. */
  readonly onlyIfRunning?: boolean
  /** Bounds the whole; undefined: the sum of what each rung may take. */
  readonly timeoutMs: number | undefined
  /** How long a loop must not be seen working before it is called wedged. */
  readonly wedgeWindowMs: number
  /** Rungs with other times than their own. */
  readonly times: Partial<LadderTimes>
}

/** How long the new gateway may take to come up. */
const START_MS = 90_000

/**
 * Plans a restart that ends with a running gateway under a new pid, whatever state it is in, or with exit 1 and what is left to try. A failed
 * restart is not undone: the manager goes on trying.
 */
export async function planRestart(target: Target, options: RestartOptions): Promise<Plan> {
  const {service, host} = target
  const deadlineMs = options.timeoutMs === undefined ? Infinity : host.monotonicMs() + options.timeoutMs
  const seen = await prove(target, options.wedgeWindowMs)
  requireInstalled(target, seen)
  requireVisible(target, seen)
  const {evenBroken = false, onlyIfRunning = false} = options
  const isMeant = recordedState(seen.desired) === 'stopped'
  if (onlyIfRunning && isMeant && seen.verdict.state === 'dead') {
    return {
      title: `restart ${service.name}`,
      steps: [],
      outcome: `${service.name} was stopped on purpose and stays stopped; nothing was changed`,
    }
  }
  const warnings = await requireGoodOutlook(target, seen, {evenBroken, anyway: ownCommand(target, 'restart --force')})
  const drain = await readDrain(target.userHost, service.profile.home)
  const times: LadderTimes = {
    drainMs: askTimeoutSec(drain) * 1000,
    answerMs: ANSWER_MS,
    terminateMs: TERMINATE_MS,
    killMs: KILL_MS,
    ...options.times,
  }
  const head = await wantRunning(target, seen, 'restart')
  const gateway = gatewayProcess(seen.gateway, seen.verdict.pid)
  const title = `restart ${service.name}`
  if (gateway && isInsideGateway(host, gateway.pid)) {
    requireManaged(target, seen, 'restart')
    const why = `ask the gateway (pid ${gateway.pid}), which runs this command, to restart after its work`
    const {home} = service.profile
    return {
      title,
      warnings,
      steps: [...head, {kind: 'signal', why, as: service.account, process: gateway, home, signal: GatewaySignal.restart, waitMs: 0}],
      lasts: true,
      outcome: `${service.name} was asked to restart. This command runs inside the gateway, so the gateway restarts at the end of this turn`,
    }
  }
  const rungs = gateway ? ladder(target, gateway, {verdict: seen.verdict, times, force: options.force, deadlineMs}) : []
  const companions = companionsOf(target, seen)
  return {
    title,
    warnings,
    steps: [
      ...head,
      ...committing([...rungs, ...comeBack(target, seen, {gateway, rungs, force: options.force, deadlineMs})]),
      ...inPhase(
        Phase.companions,
        companions.flatMap((process) => endSteps(target, process)).map((step) => ({...step, mayFail: true})),
      ),
      ...inPhase(Phase.restart, restartIsDoneIfDue(target)),
    ],
    lasts: true,
    runs: true,
    // Said once it is over, and then what became of them is known.
    outcome: () => `${service.name} is running under a new pid${companionsText(target, companions)}`,
  }
}

interface Ended {
  readonly gateway: GatewayProcess | undefined
  readonly rungs: readonly SignalStep[]
  readonly force: boolean
  readonly deadlineMs: number
}

/** The steps by which the gateway comes back once it is gone, or was not there: by its manager's own doing, by the manager's restart, or by itself. */
function comeBack(target: Target, seen: Observation, {gateway, rungs, force, deadlineMs}: Ended): Step[] {
  const {manager, service} = target
  const up = (progress: Progress) =>
    waitUntilUp(target, {before: seen, previousPid: gateway?.pid, timeoutMs: START_MS, deadlineMs, progress})
  const isAsked = rungs.some(({signal}) => signal === GatewaySignal.restart)
  const readsByRestart = seen.manager.needsReload && !manager.installer?.reload
  // Asked, a supervised gateway is started again by its manager, without any delay of ours; on the definition that this one knows.
  const isManagers = gateway !== undefined && isAsked && seen.supervised !== false && !readsByRestart
  const byManager: Step = {
    kind: 'wait-until',
    phase: Phase.up,
    why: `wait until ${manager.title} has started the gateway again`,
    limitMs: START_MS,
    onlyIf: {when: 'the gateway has ended because of the request', holds: (before) => isManagers && hasEndedAsked(before, gateway)},
    until: async (progress) => {
      try {
        await up(progress)
        return true
      } catch (error) {
        if (!isFailure(error) || observe(target).brake) throw error
        return false
      }
    },
  }
  const isBack = (before: readonly AppliedStep[]) => before.some(({step, came}) => step === byManager && came === true)
  const notBack = {when: 'the gateway is not back by then', holds: (before: readonly AppliedStep[]) => !isBack(before)}
  // One that is about to come would sleep twice as long if it were started once more.
  const isHeldBack = seen.brake !== undefined && !force && !seen.manager.needsReload
  const restart = plannedAnew(
    'restart the service',
    () => [...(manager.control.callOffRestart?.(service) ?? []), ...manager.control.restart(service)],
    manager.control.restart(service),
  )
  const forget: Step = {
    kind: 'remove-file',
    phase: Phase.restart,
    why: "reset the gateway's own count of starts",
    path: startsFile(service.profile.home),
    forGood: true,
    as: service.account,
  }
  return [
    // Otherwise it would sleep for a storm of starts that somebody has an end to.
    ...(force ? [forget] : []),
    ...(isManagers ? [byManager] : []),
    ...(isHeldBack ? [] : [{...restart, phase: Phase.restart, ...(isManagers ? {onlyIf: notBack} : {})}]),
    {
      kind: 'wait-until',
      phase: Phase.up,
      why: isHeldBack ? 'wait until the gateway ends its own start delay' : 'wait until the gateway runs under a new pid',
      limitMs: isHeldBack ? undefined : START_MS,
      ...(isManagers ? {onlyIf: notBack} : {}),
      until: async (progress) => (await up(progress)) !== undefined,
    },
  ]
}
