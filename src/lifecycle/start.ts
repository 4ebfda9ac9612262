import {ExitStatus, ServiceError} from '../errors.js'
import {inPhase, type Plan} from '../plan/plan.js'
import {startWarnings} from './before-restart.js'
import {howToBegin} from './first-contact.js'
import {observe, type Observation, askUnseen, requireVisible} from '../observe/look.js'
import {ownCommand} from './own-command.js'
import {Phase} from './phase.js'
import {restartIsDoneIfDue} from './restart-due.js'
import {requireSameHome, type Target} from '../observe/where.js'
import {supervisorOf} from '../observe/supervisor.js'
import {isUp, waitUntilUp} from './wait.js'
import {wantRunning} from './want-running.js'

const START_MS = 90_000

/**
 * Plans a start: intent, enablement, and the gateway up under its service. One that does not come up is left to the manager, which goes on
 * trying. `timeoutMs`: how long it may take in all; undefined: as long as a gateway takes that does not hold itself back.
 */
export async function planStart(target: Target, options: {timeoutMs: number | undefined}): Promise<Plan> {
  const seen = await askUnseen(target, observe(target))
  requireInstalled(target, seen)
  const {manager, service} = target
  const {verdict} = seen
  requireVisible(target, seen)
  requireNoOrphan(target, seen)
  const up = isUp(seen)
  const isComing = seen.manager.activity === 'running' || seen.manager.activity === 'starting'
  // A start that waits after failures goes on waiting when it is started once more; a restart calls the wait off.
  const start = isComing ? [] : seen.manager.activity === 'waiting' ? manager.control.restart(service) : manager.control.start(service)
  const steps = [
    ...(await wantRunning(target, seen, 'start')),
    ...inPhase(Phase.start, [
      // The gateway would be started twice.
      ...(start.length > 0 ? (manager.control.callOffRestart?.(service) ?? []) : []),
      ...start,
      ...(start.length > 0 ? restartIsDoneIfDue(target) : []),
    ]),
  ]
  if (up && steps.length === 0) {
    const outcome = `${service.name} is already running (pid ${verdict.pid}); nothing was changed`
    return {title: `start ${service.name}`, steps, runs: true, outcome}
  }
  return {
    title: `start ${service.name}`,
    warnings: up ? [] : await startWarnings(target, seen),
    steps,
    verifyPhase: Phase.up,
    verify: async (progress) => {
      const {timeoutMs = START_MS} = options
      const deadlineMs = options.timeoutMs === undefined ? Infinity : target.host.monotonicMs() + timeoutMs
      await waitUntilUp(target, {before: seen, previousPid: isComing ? undefined : verdict.pid, timeoutMs, deadlineMs, progress})
    },
    lasts: true,
    runs: true,
    outcome: `${service.name} is running`,
  }
}

/**
 * Throws (exit 1) if there is no definition of the service, or one that belongs to another home or cannot be loaded; exit 4 where nothing keeps a gateway of
 * the home alive, and no service manager is there that could.
 */
export function requireInstalled(target: Target, seen: Observation): void {
  const {installed, broken} = seen.manager
  if (installed === 'no' && !target.manager.installer) throw notInForeground(target, seen)
  if (installed === 'no' && broken === undefined) {
    throw new ServiceError(`${target.service.name} is not installed in ${target.manager.title}`, {
      code: 'not-installed',
      exitStatus: ExitStatus.failed,
      next: howToBegin(target),
    })
  }
  requireUsableDefinition(target, seen)
  requireSameHome(target, seen.manager)
}

/** What there is to do where no manager is: it is run in the foreground, by a person or as what a container runs. */
function notInForeground({service}: Target, {verdict}: Observation): ServiceError {
  const {home} = service.profile
  const {pid, evidence} = verdict
  const alone = pid === undefined ? '' : `; something else started its gateway (pid ${pid})`
  return new ServiceError(`No hermes-svc run and no service manager here keeps a gateway of ${home} running${alone}`, {
    code: 'no-manager',
    exitStatus: ExitStatus.cannotTell,
    evidence,
    next: [
      ...(pid === undefined ? [] : [`kill ${pid}   # ends the running gateway, if nothing else starts it again`]),
      'hermes-svc run   # keeps one gateway running in the foreground, with the same restart policy',
      'ENTRYPOINT ["tini", "--", "hermes-svc", "run"]   # in a container; or docker run --init … hermes-svc run',
    ],
  })
}

/** Throws (exit 1) if the manager refuses the definition as it is. */
export function requireUsableDefinition(target: Target, seen: Observation): void {
  const {broken} = seen.manager
  if (broken === undefined) return
  throw new ServiceError(`${target.service.name} is ${broken}: ${target.manager.title} does not start it`, {
    code: 'definition-broken',
    exitStatus: ExitStatus.failed,
    next: broken === 'masked' ? [target.manager.byHand('unmask', target.service.name)] : [ownCommand(target, 'diff')],
  })
}

/** Throws (exit 1) if a gateway of this home lives outside its service: a second one beside it could not start. */
export function requireNoOrphan(target: Target, seen: Observation): void {
  const {pid} = seen.verdict
  if (pid === undefined || seen.supervised !== false) return
  const {service} = target
  // What another one keeps is back as soon as it is killed.
  const supervisor = supervisorOf(target, {pid, cgroup: seen.gateway.processes.get(pid)?.cgroup})
  const whose = supervisor?.of === undefined ? '' : ` of user ${supervisor.of}`
  const by = supervisor ? `, run by ${supervisor.name}${whose}` : ''
  const end = supervisor?.disable ?? `kill ${pid}`
  throw new ServiceError(`A gateway of this home is already running outside ${service.name}: pid ${pid}${by}`, {
    code: 'orphan-gateway',
    exitStatus: ExitStatus.failed,
    evidence: seen.verdict.evidence,
    next: [`${end}   # then run the same command again`],
  })
}
