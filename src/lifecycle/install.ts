import path from 'node:path'
import {HomeFile, type DesiredState} from '../gateway/contract.js'
import {ownerDoor} from '../host/account-door.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {readDrain} from '../gateway/drain.js'
import {pidFile, stateFile} from '../gateway/records.js'
import {isAsWanted} from '../managers/as-wanted.js'
import {type Door, HostError} from '../host/host.js'
import {temporariesOf} from '../host/tolerant-read.js'
import type {DefinitionFile, HeartbeatDefinition} from '../managers/manager.js'
import {onUndo, type Plan, plannedAnew, singleSteps, type Step} from '../plan/plan.js'
import {desiredStateFile, isStoppedUntilBoot} from '../service/desired-state.js'
import {findGatewayCommand, parseCommandFlag, proveGatewayCommand} from '../service/gateway-command.js'
import {requireUsableHome} from '../service/home-check.js'
import {ownVersion} from '../service/own-version.js'
import {DEFAULT_RESTART_POLICY, type RestartPolicy} from '../service/restart-policy.js'
import {DEFAULT_HEARTBEAT, type HeartbeatSettings, type ServiceSettings} from '../service/settings.js'
import {restartBudgetMs} from './budget.js'
import {isFirstHomeOf, makeFirstHome} from './first-home.js'
import {recordIntent} from './intent.js'
import {observe, type Observation, observeWith, askUnseen, requireVisible, lookAtHome} from '../observe/look.js'
import {servedBy} from '../observe/served.js'
import {requireNoOrphan, requireUsableDefinition} from './start.js'
import {markDue, restartIsDone} from './restart-due.js'
import {inheriting, sharedLock, sharedTick, under} from './shared.js'
import {requireSameHome, type Target} from '../observe/where.js'
import {waitUntilUp} from './wait.js'

/** What a definition was asked to be; undefined means "as before, else the default". */
export interface DefinitionRequest {
  readonly command?: string | undefined
  /** Variables for the gateway; a value of undefined takes the variable away. */
  readonly environment: ReadonlyMap<string, string | undefined>
  readonly linger?: boolean | undefined
  readonly policy: Partial<RestartPolicy>
  readonly heartbeat: Partial<HeartbeatSettings>
}

/** How long a gateway may take to come up. */
const START_TIMEOUT_MS = 90_000

/** What `install` was told. */
export interface InstallRequest extends DefinitionRequest {
  /** Undefined: as long as it may take. */
  readonly timeoutMs: number | undefined
  /** Replace files of ours that were edited by hand, too. */
  readonly force: boolean
  /** Do not restart a gateway that runs; if its definition changes, that a restart is due is noted. */
  readonly keepRunning?: boolean
}

/** A definition as this machine would get it, and the settings it was rendered from. */
export interface Rendered {
  readonly seen: Observation
  readonly settings: ServiceSettings
  readonly environment: ReadonlyMap<string, string>
  readonly files: readonly DefinitionFile[]
  /** What ticks this service and the others of its account. */
  readonly heartbeat: HeartbeatDefinition
  /** What was edited by hand is replaced, too. */
  readonly force: boolean
}

/** Decides on the settings and renders the definition; reads only. Throws usage errors for a home that cannot carry a service. */
export async function renderService(
  target: Target,
  request: DefinitionRequest,
  {seen = observe(target), force = false}: {seen?: Observation | undefined; force?: boolean} = {},
): Promise<Rendered> {
  const {manager, service, userHost} = target
  const {home} = service.profile
  const recorded = seen.manager.settings
  const isOthers = isOfAnotherTool(target, seen)
  const given = request.command !== undefined ? parseCommandFlag(target.host, request.command) : undefined
  const kept = recorded?.commandIsGiven ? recorded.command : undefined
  // Another tool's definition keeps its own command, so none has to be found.
  const command =
    given ??
    kept ??
    (isOthers
      ? (recorded?.command ?? [])
      : findGatewayCommand(target.host, service.profile.root, service.account, manager.commandPath).argv)
  const policy = {...DEFAULT_RESTART_POLICY, ...recorded?.policy, ...request.policy}
  if (policy.firstMs > policy.capMs) {
    throw usageError(`--restart-delay (${policy.firstMs} ms) must not be longer than --restart-delay-max (${policy.capMs} ms)`)
  }
  const drain = await readDrain(userHost, home)
  const linger = request.linger ?? recorded?.linger ?? true
  const settings: ServiceSettings = {
    schemaVersion: 1,
    scope: manager.scope,
    profile: service.profile.name,
    home,
    account: service.account.name,
    command,
    commandIsGiven: given !== undefined || kept !== undefined,
    // Without our drop-in beside it a unit is another tool's, whatever an install that was killed has recorded.
    createdDefinition: !isOthers || (recorded?.createdDefinition === true && seen.manager.installed !== 'foreign'),
    linger,
    turnedLingerOn: recorded?.turnedLingerOn === true || (linger && !manager.runsWithoutLogin(service)),
    policy,
    drainSec: drain.drainSec,
    cronDrainSec: drain.cronDrainSec,
    heartbeat: {...DEFAULT_HEARTBEAT, ...recorded?.heartbeat, ...request.heartbeat},
  }
  const version = ownVersion(target.host)
  const writtenBy = recorded ? recorded.writtenBy : version
  if (request.heartbeat.watchdogTicks && !settings.heartbeat.enabled) {
    throw usageError('--watchdog: it is the heartbeat that finds out, so --heartbeat must be on')
  }
  const environment = manager.readEnvironment(service)
  for (const [name, value] of request.environment) {
    if (value === undefined) environment.delete(name)
    else environment.set(name, value)
  }
  const heartbeat = await manager.heartbeat(service, settings, {force})
  const renderedBy = async (writer: string | undefined): Promise<Rendered> => {
    const signed = writer === undefined ? settings : {...settings, writtenBy: writer}
    return {seen, settings: signed, environment, files: await manager.render(service, signed, environment), heartbeat, force}
  }
  // A version that would change nothing leaves the record as it is.
  const asBefore = await renderedBy(writtenBy)
  const isCurrent = writtenBy === version || [...asBefore.files, ...heartbeat.files].every((file) => isAsWanted(doorOf(target, file), file))
  return isCurrent ? asBefore : renderedBy(version)
}

/**
 * Plans an installation. Nothing is written before the home is found usable and the command proved. Any failure leaves the machine as it
 * was, with the previous definition running again. A new service is started, one that was stopped by intent stays stopped.
 */
export async function planInstall(target: Target, request: InstallRequest): Promise<Plan> {
  const {manager, service, host} = target
  const isHomeNew = isFirstHomeOf(target)
  if (!isHomeNew) requireUsableHome(host, service.profile, service.account, target.homeFlag)
  requireNotServed(target)
  requireOnlyOneScope(target)
  const whileDown = observeWhileDown(target, request)
  const rendered = await renderService(target, request, {seen: whileDown, force: request.force})
  const {seen, settings, environment} = rendered
  // One of ours that the manager refuses is replaced whole; whether that cures it is seen when it starts.
  const isReplaced = request.force && seen.manager.installed === 'own' && seen.manager.broken !== 'masked'
  if (!isReplaced) requireUsableDefinition(target, seen)
  requireSameHome(target, seen.manager)
  const isAdopted = isOfAnotherTool(target, seen)
  if (!isAdopted || settings.commandIsGiven) {
    const variables = {...baseEnvironment(target), ...manager.unitEnvironment(service, settings), ...Object.fromEntries(environment)}
    await proveGatewayCommand(host, settings.command, service.account, variables)
  }

  const decision = decide(target, request, rendered, whileDown !== undefined)
  const {desired, restart, start, staysDown, isPutOff, kept} = decision
  if (start || restart) requireVisible(target, await askUnseen(target, seen))
  if (start) requireNoOrphan(target, seen)
  const steps = [...(isHomeNew ? [makeFirstHome(target)] : []), ...installSteps(target, rendered, decision, whileDown !== undefined)]
  const what = isAdopted ? `${service.name} is adopted: its own unit is kept, our policy is added` : `${service.name} is installed`
  return {
    title: `install ${service.name} (${manager.title})`,
    steps,
    ...(start || restart
      ? {
          verify: async (progress) => {
            const timeoutMs = request.timeoutMs ?? (restart ? await restartBudgetMs(target) : START_TIMEOUT_MS)
            const deadlineMs = request.timeoutMs === undefined ? Infinity : target.host.monotonicMs() + timeoutMs
            await waitUntilUp(target, {previousPid: restart ? seen.verdict.pid : undefined, timeoutMs, deadlineMs, progress})
          },
        }
      : {}),
    outcome:
      (steps.length === 0
        ? `${service.name} is already up to date; nothing was changed`
        : what + (desired === 'running' && !staysDown ? ' and running' : ', and stopped as before')) +
      (isPutOff ? '; what has changed takes effect at the next restart' : '') +
      kept.map((file) => `; ${file.path} was edited by hand and is kept (--force replaces it)`).join(''),
  }
}

/** What an installation does to files and to the gateway. */
interface Decision {
  readonly desired: DesiredState
  /** Files that are not as they should be, without those that are kept. */
  readonly changed: readonly DefinitionFile[]
  /** Files that were edited by hand, and stay so. */
  readonly kept: readonly DefinitionFile[]
  /** Files of ours that the definition does not have any more. */
  readonly stale: readonly string[]
  /** A restart was due before. */
  readonly isDue: boolean
  readonly start: boolean
  readonly restart: boolean
  /** A restart is due, and left to later. */
  readonly isPutOff: boolean
  /** It was stopped until the next boot. */
  readonly staysDown: boolean
}

/** Decides it from what was rendered and seen. `isManagerDown`: the manager does not run yet, and the installation brings it up. Reads only. */
function decide(target: Target, request: InstallRequest, {seen, files, heartbeat}: Rendered, isManagerDown: boolean): Decision {
  const {manager, service, host} = target
  const desired = desiredAfterInstall(target, seen)
  const differing = files.filter((file) => !isAsWanted(doorOf(target, file), file))
  const kept = request.force ? [] : [...differing, ...heartbeat.files].filter((file) => file.edited)
  const changed = differing.filter((file) => !kept.includes(file))
  const due = manager.restartDueFile(service)
  const isDue = ownerDoor(host, manager.owner(service)).lstat(due) !== undefined
  const stale = manager.leftovers(service, [...files.map((file) => file.path), due])
  const {activity} = seen.manager
  const isWaiting = activity === 'waiting'
  const wasUp = activity === 'running' || activity === 'starting' || isWaiting
  // Of what is taken away the gateway has read its variables alone.
  const secrets = manager.ownFiles(service).flatMap(({role, path}) => (role === 'secrets' ? [path] : []))
  const hasChanged = changed.some((file) => file.needsRestart) || stale.some((file) => secrets.includes(file))
  // A start that waits after failures would go on waiting, and on what it had read before.
  const wantsRestart = wasUp && (hasChanged || isDue || (isWaiting && desired === 'running'))
  const isPutOff = wantsRestart && !isWaiting && request.keepRunning === true
  // A manager that has yet to come up starts it, as a boot does.
  const staysDown = !isManagerDown && desired === 'running' && activity === 'stopped' && isStoppedUntilBoot(host, seen.desired)
  const start = desired === 'running' && !wasUp && !staysDown
  return {desired, changed, kept, stale, isDue, start, restart: wantsRestart && !isPutOff, isPutOff, staysDown}
}

/** The steps of an installation, each with what undoes it. */
function installSteps(target: Target, {seen, settings, heartbeat, force}: Rendered, decision: Decision, isManagerDown: boolean): Step[] {
  const {manager, service} = target
  const {desired, changed, stale, isDue, start, restart, isPutOff, staysDown} = decision
  const write: Step[] = changed.map((file) => ({
    kind: 'write-file',
    why: `write ${file.path}`,
    path: file.path,
    text: file.text,
    mode: file.mode,
    secret: file.secret,
    as: file.as ?? manager.owner(service),
  }))
  const remove: Step[] = stale.map((path) => ({kind: 'remove-file', why: `remove ${path}`, path, as: manager.owner(service)}))
  // What runs may call what it was started with; in a container nothing but the slot itself does, which is changed as a whole.
  const isInUse = !manager.container && (restart || isPutOff)
  const definition = isInUse ? write : [...write, ...remove]
  const settingsFirst = definition.filter((step) => 'path' in step && step.path === manager.settingsFile(service))
  const rest = definition.filter((step) => !settingsFirst.includes(step))
  const needsEnabling = desired === 'running' && (seen.manager.enabled === false || seen.manager.installed === 'no')
  const reload = definition.length > 0 || seen.manager.needsReload ? manager.reload() : []

  const folders = missingFolders(target, definition.length > 0 || restart || isPutOff ? manager.folderSteps(service) : [])
  const inPlace = [...folders, ...settingsFirst, ...rest]
  const placed = manager.staged?.(service, inPlace) ?? inPlace
  const isFirst = (step: Step) => folders.includes(step) || settingsFirst.includes(step)
  const later = placed.filter((step) => !isFirst(step))
  const prerequisites = manager.prerequisites(service, settings)
  const changes: Step[] = [
    ...placed.filter(isFirst),
    ...onUndo(manager.canLinger && placed.length > 0 ? [leaveInheritance(target, seen)] : []),
    // A manager that comes up starts what is enabled: by then the definition is what it should be.
    ...(isManagerDown ? later : []),
    ...(manager.canLinger ? [] : prerequisites),
  ]
  const definitionSteps: Step[] = [
    // Undone last: what ran before runs again, on the definition that was there before. It does nothing to a gateway that still runs.
    ...(restart ? onUndo(manager.start(service)) : []),
    ...(definition.length > 0 && !isManagerDown ? onUndo(manager.reload()) : []),
    ...(restart || (isPutOff && !isDue) ? [markDue(target)] : []),
    ...(isManagerDown ? [] : [...later, ...reload]),
  ]
  const former = seen.manager.settings
  const tick = sharedTick(target, heartbeat.steps, {settings, former, force})
  const linger = manager.canLinger ? [plannedAnew('have what the manager needs', () => manager.prerequisites(service, settings))] : []
  const shared = [...changes, ...linger, ...definitionSteps, tick]
  return [
    // What this service wants of what it shares with others is known to them from when its settings are there.
    ...(singleSteps(shared).length > 0 ? under(sharedLock(target), shared) : []),
    ...recordIntent(target, seen, desired, 'install', {untilBoot: staysDown}),
    ...(needsEnabling ? [...onUndo(manager.disable(service)), ...manager.enable(service)] : []),
    ...(start || restart ? onUndo([abortNew(target, seen)]) : []),
    ...(start ? manager.start(service) : []),
    ...(restart ? manager.restart(service) : []),
    ...(isInUse && !isPutOff ? remove : []),
    ...(restart || (isDue && !isPutOff) ? [restartIsDone(target)] : []),
    ...homeLeftovers(target),
  ]
}

/** The service as it is on disk, if its manager is down and the installation will bring it up. */
function observeWhileDown(target: Target, request: DefinitionRequest): Observation | undefined {
  const seen = target.manager.whileDown(target.service)
  return seen && (request.linger ?? seen.settings?.linger) ? observeWith(target, seen) : undefined
}

/** A service that the operator stopped stays stopped, and so does one that is down in good order where it cannot be told who wanted that. */
function desiredAfterInstall(target: Target, seen: Observation): DesiredState {
  if (seen.desired.kind === 'recorded') return seen.desired.record.desiredState
  const isOthers = isOfAnotherTool(target, seen)
  const mayBeMeant = isOthers || (seen.manager.installed !== 'no' && seen.desired.kind === 'unreadable')
  return mayBeMeant && seen.manager.activity === 'stopped' ? 'stopped' : 'running'
}

/** The definition is another tool's, and stays so. */
function isOfAnotherTool({manager}: Target, seen: Observation): boolean {
  return !manager.replacesForeign && (seen.manager.installed === 'foreign' || seen.manager.installed === 'adopted')
}

/** What every process that a manager starts has, so that a probe sees no more than the service will. */
function baseEnvironment(target: Target): Record<string, string> {
  const {account} = target.service
  return {HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: '/bin/sh', LANG: 'C.UTF-8'}
}

/** A file of a definition is looked at as whom it is written. */
function doorOf({host, manager, service}: Target, {as}: Pick<DefinitionFile, 'as'>): Door {
  return ownerDoor(host, as ?? manager.owner(service))
}

function missingFolders({host}: Target, steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.kind !== 'make-folder' || ownerDoor(host, step.as).stat(step.path) === undefined)
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
      const onlyIf = {when: 'no gateway lives there by now', holds: isDead}
      return {kind: 'remove-file', why: `remove ${file}`, path: file, forGood: true, as: service.account, onlyIf}
    })
  const steps = () => {
    const pid = manager.observe([service])[0]?.mainPid
    return pid !== undefined && pid === before.manager.mainPid ? [] : [...manager.abort(service), ...forget]
  }
  return plannedAnew('stop the gateway', steps, [])
}

/** Ends the account's lingering where another service has left that to this one while it was being installed, and nobody else needs it. */
function leaveInheritance(target: Target, {manager: before}: Observation): Step {
  const steps = () => {
    const now = inheriting(target, before)
    return now.settings?.turnedLingerOn && !before.settings?.turnedLingerOn ? target.manager.afterUninstall(now) : []
  }
  return plannedAnew('take back what no other service needs', steps, [])
}

/** Takes away what a kill -9 left of files that are written in the home. */
function homeLeftovers({userHost, service}: Target): Step[] {
  const {home} = service.profile
  return [desiredStateFile(home), stateFile(home)]
    .flatMap((file) => temporariesOf(userHost, file))
    .map((file) => ({kind: 'remove-file', why: `remove ${file}`, path: file, as: service.account}))
}

/** A profile that another gateway serves has no files and no process of its own. */
function requireNotServed(target: Target): void {
  const server = servedBy(target)
  if (server === undefined) return
  const {name} = target.service.profile
  throw usageError(`--profile ${name}: this profile is served by the gateway of profile ${server}; it needs no service of its own`)
}

/** Two services on one home fight over it. */
function requireOnlyOneScope(target: Target): void {
  const {manager, service} = target
  const other = manager.inScope(manager.scope === 'user' ? 'system' : 'user', service.account)
  if (other.scope === manager.scope) return
  try {
    const same = other.serviceFor(service.profile, service.account)
    if (!other.isOnDisk(same)) return
    const owner = other.defaultAccount(service.profile.name)
    if (owner && owner.uid !== service.account.uid) return
    throw new ServiceError(`${same.name} is already installed in ${other.title}; two services on one home would fight over it`, {
      code: 'duplicate-service',
      exitStatus: ExitStatus.failed,
      next: [`hermes-svc uninstall --scope ${other.scope}${other.scope === 'system' ? '   # with sudo' : ''}`],
    })
  } catch (error) {
    // What cannot be looked at cannot be refused for.
    if (error instanceof HostError || (error instanceof ServiceError && error.code === 'no-access')) return
    throw error
  }
}
