import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {readDrain} from '../gateway/drain.js'
import {type Host, HostError} from '../host/host.js'
import {detectManager} from '../managers/detect.js'
import type {DefinitionFile, DesiredState, Manager} from '../managers/manager.js'
import type {Plan, RunStep, Step} from '../plan/plan.js'
import {findGatewayCommand, parseCommandFlag, proveGatewayCommand} from '../service/gateway-command.js'
import {requireUsableHome} from '../service/home-check.js'
import {DEFAULT_RESTART_POLICY, type RestartPolicy} from '../service/restart-policy.js'
import type {ServiceSettings} from '../service/settings.js'
import {recordIntent} from './intent.js'
import {observe, type Observation} from './observe.js'
import {servedBy} from './served.js'
import {requireUsableDefinition} from './start.js'
import {requireSameHome, type Target} from './target.js'
import {waitUntilUp} from './wait.js'

/** What `install` was told; undefined means "as before, else the default". */
export interface InstallRequest {
  readonly command?: string | undefined
  /** Variables for the gateway; a value of undefined takes the variable away. */
  readonly environment: ReadonlyMap<string, string | undefined>
  readonly linger?: boolean | undefined
  readonly policy: Partial<RestartPolicy>
  readonly timeoutMs: number
}

/** A definition as this machine would get it, and the settings it was rendered from. */
export interface Rendered {
  readonly seen: Observation
  readonly settings: ServiceSettings
  readonly environment: ReadonlyMap<string, string>
  readonly files: readonly DefinitionFile[]
}

/** Decides on the settings and renders the definition; reads only. Throws usage errors for a home that cannot carry a service. */
export async function renderService(target: Target, request: Omit<InstallRequest, 'timeoutMs'>): Promise<Rendered> {
  const {manager, service, userHost} = target
  const {home} = service.profile
  const seen = observe(target)
  const recorded = seen.manager.settings
  const isOthers = seen.manager.installed === 'adopted' || seen.manager.installed === 'foreign'
  const given = request.command !== undefined ? await parseCommandFlag(target.host, request.command) : undefined
  const kept = recorded?.commandIsGiven ? recorded.command : undefined
  // Another tool's definition keeps its own command, so none has to be found.
  const command = given ?? kept ?? (isOthers ? [] : findGatewayCommand(target.host, service.profile.root, service.account).argv)
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
    createdDefinition: recorded?.createdDefinition ?? seen.manager.installed === 'no',
    linger,
    turnedLingerOn: recorded?.turnedLingerOn === true || (linger && !manager.runsWithoutLogin(service)),
    policy: {...DEFAULT_RESTART_POLICY, ...recorded?.policy, ...request.policy},
    ...drain,
  }
  const environment = manager.readEnvironment(service)
  for (const [name, value] of request.environment) {
    if (value === undefined) environment.delete(name)
    else environment.set(name, value)
  }
  return {seen, settings, environment, files: await manager.render(service, settings, environment)}
}

/**
 * Plans an installation. Nothing is written before the home is found usable and the command proved. Any failure leaves the machine as it
 * was, with the previous definition running again. A new service is started, one that was stopped by intent stays stopped.
 */
export async function planInstall(target: Target, request: InstallRequest): Promise<Plan> {
  const {manager, service, host} = target
  requireUsableHome(host, service.profile.home, service.account, target.homeFlag)
  requireNotServed(target)
  requireOnlyOneScope(target)
  const {seen, settings, environment, files} = await renderService(target, request)
  requireUsableDefinition(target, seen)
  requireSameHome(target, seen.manager)
  if (settings.command.length > 0) {
    const variables = {...baseEnvironment(target), ...manager.unitEnvironment(service, settings), ...Object.fromEntries(environment)}
    await proveGatewayCommand(host, settings.command, service.account, variables)
  }

  const desired = desiredAfterInstall(seen)
  const changed = files.filter((file) => !isAsWanted(host, file))
  const stale = manager.leftovers(service, files.map((file) => file.path))
  const wasUp = seen.manager.activity === 'running' || seen.manager.activity === 'starting'
  const previousPid = seen.verdict.pid
  const restart = wasUp && (changed.some((file) => file.needsRestart) || stale.length > 0)
  const start = desired === 'running' && !wasUp

  const write: Step[] = changed.map((file) => ({
    kind: 'write-file',
    why: `write ${file.path}`,
    path: file.path,
    text: file.text,
    mode: file.mode,
    secret: file.secret,
    as: manager.owner(service),
  }))
  const remove: Step[] = stale.map((path) => ({kind: 'remove-file', why: `remove ${path}`, path, as: manager.owner(service)}))
  const definition = [...write, ...remove]
  // Undoing goes backwards, so what is to run first comes last.
  const onUndo = (steps: readonly RunStep[]): Step[] => steps.toReversed().map((run) => ({kind: 'on-undo', why: `if a later step fails: ${run.why}`, run}))
  const enable = desired === 'running' && seen.manager.enabled !== true ? [...onUndo(seen.manager.enabled === false ? manager.disable(service) : []), ...manager.enable(service)] : []
  const reload = definition.length > 0 || seen.manager.needsReload ? manager.reload() : []

  const steps: Step[] = [
    ...manager.prerequisites(service, settings),
    // Undone last: what ran before runs again, on the definition that was there before.
    ...(definition.length > 0 && wasUp && restart ? onUndo(runSteps(manager.restart(service))) : []),
    ...(definition.length > 0 ? onUndo(manager.reload()) : []),
    ...missingFolders(host, definition.length > 0 ? manager.folderSteps(service) : []),
    ...definition,
    ...reload,
    ...recordIntent(target, seen, desired, 'install'),
    ...enable,
    ...(start ? [...onUndo(manager.abort(service)), ...manager.start(service)] : []),
    ...(restart ? manager.restart(service) : []),
  ]
  const isAdopted = seen.manager.installed === 'foreign' || seen.manager.installed === 'adopted'
  const what = isAdopted ? `${service.name} is adopted: its own unit is kept, our policy is added` : `${service.name} is installed`
  return {
    title: `install ${service.name} (${manager.title})`,
    steps,
    ...(start || restart
      ? {
          verify: async (progress) => {
            await waitUntilUp(target, {previousPid: restart ? previousPid : undefined, timeoutMs: request.timeoutMs, progress})
          },
        }
      : {}),
    outcome: steps.length === 0 ? `${service.name} is already up to date; nothing was changed` : what + (desired === 'running' ? ' and running' : ', and stopped as before'),
  }
}

/** A service that the operator stopped stays stopped, and so does another tool's that is down in good order. */
function desiredAfterInstall(seen: Observation): DesiredState {
  if (seen.desired.kind === 'recorded') return seen.desired.record.desiredState
  const isOthers = seen.manager.installed === 'foreign' || seen.manager.installed === 'adopted'
  return isOthers && seen.manager.activity === 'stopped' ? 'stopped' : 'running'
}

/** What every process that systemd starts has, so that a probe sees no more than the service will. */
function baseEnvironment(target: Target): Record<string, string> {
  const {account} = target.service
  return {HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: '/bin/sh', LANG: 'C.UTF-8'}
}

function isAsWanted(host: Host, file: DefinitionFile): boolean {
  const stat = host.lstat(file.path)
  return stat?.kind === 'file' && stat.mode === file.mode && host.readText(file.path) === file.text
}

function missingFolders(host: Host, steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.kind !== 'make-folder' || host.stat(step.path) === undefined)
}

function runSteps(steps: readonly Step[]): RunStep[] {
  return steps.filter((step) => step.kind === 'run')
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
  const {manager, service, host} = target
  const scope = manager.scope === 'user' ? 'system' : 'user'
  const other: Manager = detectManager(host, undefined, scope, service.account)
  try {
    const same = other.serviceFor(service.profile, service.account)
    if (!other.isOnDisk(same)) return
    const owner = other.defaultAccount(service.profile.name)
    if (owner && owner.uid !== service.account.uid) return
    throw new ServiceError(`${same.name} is already installed in ${other.title}; two services on one home would fight over it`, {
      code: 'duplicate-service',
      exitStatus: ExitStatus.failed,
      next: [`hermes-svc uninstall --scope ${scope}${scope === 'system' ? '   # with sudo' : ''}`],
    })
  } catch (error) {
    // What cannot be looked at cannot be refused for.
    if (error instanceof HostError) return
    throw error
  }
}
