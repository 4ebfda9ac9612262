import {installerOf} from '../managers/installing.js'
import {prove} from '../observe/look.js'
import {ownerDoor} from '../host/account-door.js'
import {inPhase, type Plan, singleSteps, type Step} from '../plan/plan.js'
import {desiredStateFile} from '../service/desired-state.js'
import {takeBackShared, undoUninstall} from './install-undo.js'
import {forgetNotify} from './notify-change.js'
import {Phase} from './phase.js'
import {endOthers, isAboutToRestart} from './stop.js'
import {forgetLastGood} from './last-good-change.js'
import {sharedLock, sharedTick, under} from './shared.js'
import {requireSameHome, type Target} from '../observe/where.js'
import {waitUntilDown} from './wait.js'

/**
 * Plans the removal of a service: stopped, disabled, and nothing of ours left but the home's journal. A definition that another tool wrote
 * stays and goes on running; only our additions to it are taken away.
 */
export async function planUninstall(target: Target, options: {timeoutMs: number}): Promise<Plan> {
  const seen = await prove(target)
  requireSameHome(target, seen.manager)
  const {manager, service, userHost} = target
  const isInstalled = seen.manager.installed !== 'no'
  const [definition] = seen.manager.definitionPaths
  // Removed by hand, or by an uninstall that was killed, and the manager has not been told.
  const isGone =
    isInstalled && definition !== undefined && ownerDoor(target.host, manager.placement.owner(service)).lstat(definition) === undefined
  const isOurs = isGone || seen.manager.installed === 'own'
  const files = installerOf(manager).removeSteps(seen.manager)
  // As long as the settings are there, a run that is killed can be completed by the next.
  const settings = manager.placement.placesOf(service).settings
  const last = files.filter((step) => 'path' in step && (settings === step.path || settings.startsWith(`${step.path}/`)))
  const record = desiredStateFile(service.profile.home)
  const isDown = (seen.manager.activity === 'stopped' || seen.manager.activity === 'failed') && !isAboutToRestart(target)
  const reload = isGone || files.some((step) => step.kind === 'remove-file') ? (installerOf(manager).reload?.() ?? []) : []
  const steps = undoUninstall(target, seen.manager, {isOurs: isOurs && isInstalled, isDown, reload})
  if (isOurs && isInstalled) {
    if (!isDown) {
      const {timeoutMs} = options
      const gone: Step = {
        kind: 'wait-until',
        why: 'wait until the gateway has ended',
        limitMs: timeoutMs,
        until: async (progress) => (await waitUntilDown(target, {timeoutMs, progress})) !== undefined,
      }
      const end = [...manager.control.stop(service), ...endOthers(target, seen, {timeoutMs, force: false}), gone]
      steps.push(...inPhase(Phase.stop, end))
    }
    if (seen.manager.enabled) steps.push(...inPhase(Phase.disable, manager.control.disable(service, {isReadLater: reload.length > 0})))
  }
  const {settings: former} = seen.manager
  const tick = (await manager.tick.heartbeat(service, undefined)).steps
  const own = files.filter((step) => !last.includes(step))
  const remove = Phase.remove(manager)
  // Others may come and go meanwhile: who wants what is asked under one lock with the removal of the record of what this one wanted.
  const shared = [
    ...inPhase(Phase.noHeartbeat, [sharedTick(target, tick, {settings: undefined, former})]),
    ...inPhase(remove, [
      // A unit that failed would stay known to the manager without its file.
      ...(isOurs && isInstalled ? manager.control.settle(service) : []),
      // Secrets that nothing uses any more. Before the settings, so that where this is killed the next one takes them away too.
      ...(isInstalled || last.length > 0 ? [...forgetLastGood(target), ...forgetNotify(target)] : []),
      ...[...own, ...reload, takeBackShared(target, seen.manager), ...last],
    ]),
  ]
  if (singleSteps(shared).length > 0) steps.push(...under(sharedLock(target), shared))
  if (userHost.lstat(record)) {
    const why = 'remove the record of the desired state'
    steps.push({kind: 'remove-file', why, path: record, as: service.account, phase: remove})
  }
  return {
    title: `uninstall ${service.name} (${manager.title})`,
    steps,
    outcome:
      steps.length === 0
        ? `${service.name} is not installed; nothing was changed`
        : isOurs
          ? `${service.name} is uninstalled; its home ${service.profile.home} is kept`
          : `The additions of hermes-svc to ${service.name} are removed; the unit itself belongs to another tool and stays`,
  }
}
