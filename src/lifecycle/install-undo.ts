import {installerOf} from '../managers/installing.js'
import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {pidFile, stateFile} from '../gateway/records.js'
import type {ManagerObservation} from '../managers/manager.js'
import {lookAtHome, type Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import {onUndo, plannedAnew, type Step} from '../plan/plan.js'
import type {Decision} from './install-decide.js'
import {inheriting} from './shared.js'

// What is taken back of an installation, or of its removal, that fails half-way, beyond what each of its steps takes back by itself; and what of it is
// others' to say. Undoing goes backwards: what stands before a step is undone after it.

/** What an installation takes back, by when. */
export interface InstallUndo {
  /** Once nothing of its definition is there any more. */
  readonly beforeFiles: Step[]
  /** Last: what ran before runs again, on the definition that was there before. */
  readonly beforeDefinition: Step[]
  readonly beforeEnabling: Step[]
  /** First: the gateway that was started on the new definition ends. */
  readonly beforeStart: Step[]
}

/** `hasChanged`: whether there is anything of it on disk then, and whether its manager has to be told of it. */
export function undoInstall(
  target: Target,
  seen: Observation,
  {start, restart, enable}: Decision,
  hasChanged: {readonly anything: boolean; readonly definition: boolean},
): InstallUndo {
  const {manager, service} = target
  return {
    beforeFiles: onUndo(manager.linger && hasChanged.anything ? [leaveInheritance(target, seen)] : []),
    // A start does nothing to a gateway that still runs.
    beforeDefinition: [
      ...(restart ? onUndo(manager.control.start(service)) : []),
      ...(hasChanged.definition ? onUndo(installerOf(manager).reload?.() ?? []) : []),
    ],
    beforeEnabling: enable ? onUndo(manager.control.disable(service, {isReadLater: hasChanged.definition})) : [],
    beforeStart: start || restart ? onUndo([abortNew(target, seen)]) : [],
  }
}

/** What a removal takes back, once the files are there again: the service is enabled and runs, if it was and did, and is one of ours. */
export function undoUninstall(
  {manager, service}: Target,
  {enabled}: ManagerObservation,
  {isOurs, isDown, reload}: {isOurs: boolean; isDown: boolean; reload: readonly Step[]},
): Step[] {
  const again = [...(enabled ? manager.control.enable(service) : []), ...(isDown ? [] : manager.control.start(service))]
  return onUndo([...reload, ...(isOurs ? again : [])])
}

/** What a removal leaves to nobody: what `install` did beside the definition, as far as no other service needs it by then. */
export function takeBackShared(target: Target, seen: ManagerObservation): Step {
  return plannedAnew('undo what no other service needs', () => installerOf(target.manager).afterUninstall?.(inheriting(target, seen)) ?? [])
}

/** Ends the gateway that was started on the new definition, with what it has left in the home; the one from before may finish what it is doing. */
function abortNew(target: Target, before: Observation): Step {
  const {manager, service, userHost} = target
  const {home} = service.profile
  const files = [pidFile(home), stateFile(home), path.join(home, HomeFile.plannedStop)]
  // None runs in another PID namespace: it was this machine's own.
  const isDead = () => lookAtHome(target, home, true).verdict.state === 'dead'
  const forget = files
    .filter((file) => userHost.lstat(file) === undefined)
    .map((file): Step => {
      const onlyIf = {when: 'no gateway runs in the home by then', holds: isDead}
      return {kind: 'remove-file', why: `remove ${file}`, path: file, forGood: true, as: service.account, onlyIf}
    })
  const steps = () => {
    const pid = manager.observer.observe([service])[0]?.mainPid
    return pid !== undefined && pid === before.manager.mainPid ? [] : [...manager.control.abort(service), ...forget]
  }
  return plannedAnew('stop the gateway', steps, [])
}

/** Ends the account's lingering where another service has left that to this one while it was being installed, and nobody else needs it. */
function leaveInheritance(target: Target, {manager: before}: Observation): Step {
  const steps = () => {
    const now = inheriting(target, before)
    return now.settings?.turnedLingerOn && !before.settings?.turnedLingerOn ? (installerOf(target.manager).afterUninstall?.(now) ?? []) : []
  }
  return plannedAnew('undo what no other service needs', steps, [])
}
