import {installerOf} from '../managers/installing.js'
import {ownerDoor} from '../host/account-door.js'
import {stateFile} from '../gateway/records.js'
import {temporariesOf} from '../host/tolerant-read.js'
import {inPhase, plannedAnew, singleSteps, type Step} from '../plan/plan.js'
import {desiredStateFile} from '../service/desired-state.js'
import type {Rendered} from './definition.js'
import type {Decision, InstallFacts} from './install-decide.js'
import {undoInstall} from './install-undo.js'
import {recordIntent} from './intent.js'
import {Phase} from './phase.js'
import {markDue, restartIsDone} from './restart-due.js'
import {sharedLock, sharedTick, under} from './shared.js'
import type {Target} from '../observe/where.js'

/** The steps of an installation, each with what undoes it. */
export function installSteps(
  target: Target,
  {seen, settings, heartbeat, force}: Rendered,
  facts: InstallFacts,
  decision: Decision,
): Step[] {
  const {manager, service} = target
  const {isDue, isManagerDown} = facts
  const {desired, changed, stale, start, restart, isPutOff, enable, staysDown} = decision
  const write: Step[] = changed.map((file) => ({
    kind: 'write-file',
    why: `write ${file.path}`,
    path: file.path,
    text: file.text,
    mode: file.mode,
    secret: file.secret,
    as: file.as ?? manager.placement.owner(service),
  }))
  const remove: Step[] = stale.map((path) => ({kind: 'remove-file', why: `remove ${path}`, path, as: manager.placement.owner(service)}))
  // What runs may call what it was started with; in a container nothing but the slot itself does, which is changed as a whole.
  const isInUse = !manager.container && (restart || isPutOff)
  const definition = isInUse ? write : [...write, ...remove]
  const settingsFirst = definition.filter((step) => 'path' in step && step.path === manager.placement.placesOf(service).settings)
  const rest = definition.filter((step) => !settingsFirst.includes(step))
  const isUnread = definition.length > 0 || seen.manager.needsReload
  // Nothing before it is enabled asks for what its definition says.
  const reload = isUnread ? (installerOf(manager).reload?.({isEnabledNext: enable}) ?? []) : []

  const folders = missingFolders(target, definition.length > 0 || restart || isPutOff ? installerOf(manager).folderSteps(service) : [])
  const inPlace = [...folders, ...settingsFirst, ...rest]
  const placed = installerOf(manager).staged?.(service, inPlace) ?? inPlace
  const isFirst = (step: Step) => folders.includes(step) || settingsFirst.includes(step)
  const later = placed.filter((step) => !isFirst(step))
  const prerequisites = installerOf(manager).prerequisites?.(service, settings) ?? []
  const hasChanged = {anything: placed.length > 0, definition: definition.length > 0 && !isManagerDown}
  const undo = undoInstall(target, seen, decision, hasChanged)
  const changes: Step[] = [
    ...placed.filter(isFirst),
    ...undo.beforeFiles,
    // A manager that comes up starts what is enabled: by then the definition is what it should be.
    ...(isManagerDown ? later : []),
    ...(manager.linger ? [] : prerequisites),
  ]
  const definitionSteps: Step[] = [
    ...undo.beforeDefinition,
    ...(restart || (isPutOff && !isDue) ? [markDue(target)] : []),
    ...(isManagerDown ? [] : [...later, ...reload]),
  ]
  const former = seen.manager.settings
  const tick = inPhase(Phase.heartbeat, [sharedTick(target, heartbeat.steps, {settings, former, force})])
  const linger = manager.linger
    ? [plannedAnew('set up what the service manager needs', () => installerOf(manager).prerequisites?.(service, settings) ?? [])]
    : []
  const shared = [...inPhase(Phase.write(manager), [...changes, ...linger, ...definitionSteps]), ...tick]
  return [
    // What this service wants of what it shares with others is known to them from when its settings are there.
    ...(singleSteps(shared).length > 0 ? under(sharedLock(target), shared) : []),
    ...inPhase(Phase.record(desired), recordIntent(target, seen, desired, 'install', {untilBoot: staysDown})),
    ...undo.beforeEnabling,
    ...inPhase(Phase.enable, enable ? manager.control.enable(service) : []),
    ...undo.beforeStart,
    ...inPhase(Phase.start, start ? manager.control.start(service) : []),
    ...inPhase(Phase.restart, restart ? manager.control.restart(service) : []),
    ...inPhase(Phase.tidy, [
      ...(isInUse && !isPutOff ? remove : []),
      ...(restart || (isDue && !isPutOff) ? [restartIsDone(target)] : []),
      ...homeLeftovers(target),
    ]),
  ]
}

function missingFolders({host}: Target, steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.kind !== 'make-folder' || ownerDoor(host, step.as).stat(step.path) === undefined)
}

/** Takes away what a kill -9 left of files that are written in the home. */
function homeLeftovers({userHost, service}: Target): Step[] {
  const {home} = service.profile
  return [desiredStateFile(home), stateFile(home)]
    .flatMap((file) => temporariesOf(userHost, file))
    .map((file) => ({kind: 'remove-file', why: `remove ${file}`, path: file, as: service.account}))
}
