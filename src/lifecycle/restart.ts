import {GatewaySignal} from '../gateway/contract.js'
import {askTimeoutSec, readDrain} from '../gateway/drain.js'
import {startsFile} from '../gateway/respawn-brake.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {performSteps} from '../plan/apply.js'
import {failingLate, onUndo, type Plan, type Progress, type Step} from '../plan/plan.js'
import {companionsOf, companionsText, endCompanions} from './companions.js'
import {isInsideGateway, requireManaged} from './inside.js'
import {recordIntent} from './intent.js'
import {ANSWER_MS, endGateway, gatewayProcess, KILL_MS, type LadderTimes, notEnded, TERMINATE_MS} from './ladder.js'
import {type Observation, observe, prove, requireVisible} from '../observe/look.js'
import {restartIsDoneIfDue} from './restart-due.js'
import {restoredTick} from './shared.js'
import {type GatewayProcess, signalGateway} from '../gateway/signal-gateway.js'
import {requireInstalled} from './start.js'
import type {Target} from '../observe/where.js'
import {callOffRestart, waitUntilUp} from './wait.js'

export interface RestartOptions {
  /** Begin at SIGTERM: the gateway does not finish its work first. */
  readonly force: boolean
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
  const {manager, service, host} = target
  const deadlineMs = options.timeoutMs === undefined ? Infinity : host.monotonicMs() + options.timeoutMs
  const seen = await prove(target, options.wedgeWindowMs)
  requireInstalled(target, seen)
  requireVisible(target, seen)
  const drain = await readDrain(target.userHost, service.profile.home)
  const times: LadderTimes = {
    drainMs: askTimeoutSec(drain) * 1000,
    answerMs: ANSWER_MS,
    terminateMs: TERMINATE_MS,
    killMs: KILL_MS,
    ...options.times,
  }
  const head: Step[] = [
    ...recordIntent(target, seen, 'running', 'restart', {failsLate: true}),
    ...(seen.manager.enabled === false ? [...onUndo(manager.disable(service)), ...failingLate(manager.enable(service))] : []),
    ...(await restoredTick(target, seen.manager)),
  ]
  const gateway = gatewayProcess(seen.gateway, seen.verdict.pid)
  const title = `restart ${service.name}`
  if (gateway && isInsideGateway(host, gateway.pid)) {
    requireManaged(target, seen, 'restart')
    return {
      title,
      steps: [
        ...head,
        {
          kind: 'act',
          why: `ask the gateway (pid ${gateway.pid}), which runs this command, to restart once its work is done`,
          act: () => handOver(target, gateway),
        },
      ],
      lasts: true,
      outcome: `${service.name} was asked to restart; as this command runs inside it, that happens when the present turn is over`,
    }
  }
  const companions = companionsOf(target, seen)
  // One that is about to come would sleep twice as long if it were started once more.
  const isHeldBack = seen.brake !== undefined && !options.force && !seen.manager.needsReload
  const readsByRestart = seen.manager.needsReload && manager.reload().length === 0
  const act = async (progress: Progress): Promise<void> => {
    const rung = gateway
      ? await endGateway(target, gateway, {verdict: seen.verdict, times, force: options.force, deadlineMs, progress})
      : 'gone'
    if (rung === 'survived') throw notEnded(target, seen.verdict)
    // Otherwise it would sleep for a storm of starts that somebody has an end to.
    if (options.force) target.userHost.removeFile(startsFile(service.profile.home))
    // Asked, a supervised gateway is started again by its manager, without any delay of ours; on the definition that this one knows.
    const isManagers = rung === 'asked' && seen.supervised !== false && !readsByRestart
    const startIt = async () => {
      await callOffRestart(target, progress)
      await performSteps(host, manager.restart(service), progress)
    }
    if (!isManagers && !isHeldBack) await startIt()
    const waitForIt = () => waitUntilUp(target, {previousPid: gateway?.pid, timeoutMs: START_MS, deadlineMs, progress})
    try {
      await waitForIt()
    } catch (error) {
      if (!isManagers || !(error instanceof ServiceError) || error.exitStatus === ExitStatus.cancelled || observe(target).brake) throw error
      await startIt()
      await waitForIt()
    }
    await endCompanions(target, companions, progress)
  }
  return {
    title,
    steps: [
      ...head,
      {kind: 'act', why: isHeldBack ? 'wait until its own brake lets it start' : describe(seen, options.force), act, commits: true},
      ...restartIsDoneIfDue(target),
    ],
    lasts: true,
    // Said once it is over, and then what became of them is known.
    outcome: () => `${service.name} is running under a new pid${companionsText(target, companions)}`,
  }
}

function describe(seen: Observation, force: boolean): string {
  const {pid, state} = seen.verdict
  if (pid === undefined) return 'restart the service, earlier failures forgotten, and wait until the gateway runs'
  const first = state === 'wedged' ? 'kill it: it answers nothing' : force ? 'stop it' : 'let it finish its work'
  return `end the gateway (pid ${pid}; ${first}) and wait until it runs again`
}

function handOver(target: Target, gateway: GatewayProcess): Promise<void> {
  signalGateway(target, gateway, GatewaySignal.restart)
  return Promise.resolve()
}
