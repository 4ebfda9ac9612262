import {ownerDoor} from '../host/account-door.js'
import {usageError} from '../errors.js'
import {readDrain} from '../gateway/drain.js'
import {isAsWanted} from '../managers/definition-file.js'
import type {Door} from '../host/host.js'
import type {DefinitionFile, HeartbeatDefinition} from '../managers/manager.js'
import {findGatewayCommand, parseCommandFlag} from '../service/gateway-command.js'
import {ownVersion} from '../service/own-version.js'
import {refusedTogether, type ResourceRequest, withResources} from '../service/resources.js'
import {DEFAULT_RESTART_POLICY, type RestartPolicy} from '../service/restart-policy.js'
import {DEFAULT_HEARTBEAT, DEFAULT_WATCHDOG_TICKS, type HeartbeatSettings, type ServiceSettings} from '../service/settings.js'
import type {NotifyRequest} from './notify-change.js'
import {observe, type Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'

/** What a definition was asked to be; undefined means "as before, else the default". */
export interface DefinitionRequest {
  readonly command?: string | undefined
  /** The command that was given once is forgotten: it is looked for again. */
  readonly findsCommand?: boolean | undefined
  /** Variables for the gateway; a value of undefined takes the variable away. */
  readonly environment: ReadonlyMap<string, string | undefined>
  /** Variables that are not named there are taken away. */
  readonly environmentIsWhole?: boolean | undefined
  readonly linger?: boolean | undefined
  readonly policy: Partial<RestartPolicy>
  readonly heartbeat: Partial<HeartbeatSettings>
  readonly resources?: ResourceRequest | undefined
  /** Who is told; undefined: as before. */
  readonly notify?: NotifyRequest | undefined
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
  const kept = recorded?.commandIsGiven && !request.findsCommand ? recorded.command : undefined
  // Another tool's definition keeps its own command, so none has to be found.
  const command =
    given ??
    kept ??
    (isOthers
      ? (recorded?.command ?? [])
      : findGatewayCommand(target.host, service.profile.root, service.account, manager.container?.variable('PATH')).argv)
  const policy = {...DEFAULT_RESTART_POLICY, ...recorded?.policy, ...request.policy}
  if (policy.firstMs > policy.capMs) {
    throw usageError(`--restart-delay (${policy.firstMs} ms) must not be longer than --restart-delay-max (${policy.capMs} ms)`)
  }
  const resources = withResources(recorded?.resources, request.resources)
  const refused = refusedTogether(resources) ?? manager.definition.refusedResources?.(resources)
  if (refused !== undefined) throw usageError(refused)
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
    createdDefinition: !isOthers,
    linger,
    turnedLingerOn: recorded?.turnedLingerOn === true || (linger && manager.linger?.isOn(service) === false),
    policy,
    drainSec: drain.drainSec,
    cronDrainSec: drain.cronDrainSec,
    heartbeat: {...DEFAULT_HEARTBEAT, ...recorded?.heartbeat, ...request.heartbeat},
    ...(Object.keys(resources).length > 0 ? {resources} : {}),
  }
  const version = ownVersion(target.host)
  const writtenBy = recorded ? recorded.writtenBy : version
  // The default asks for nothing.
  if (asksForWatchdog(request.heartbeat) && !settings.heartbeat.enabled) {
    throw usageError('--watchdog needs the heartbeat, which finds a wedged gateway: leave out --heartbeat off')
  }
  if (request.notify?.add?.length && !settings.heartbeat.enabled) {
    throw usageError('--notify needs the heartbeat, which sends the messages: leave out --heartbeat off')
  }
  const environment = request.environmentIsWhole ? new Map<string, string>() : manager.definition.readEnvironment(service)
  for (const [name, value] of request.environment) {
    if (value === undefined) environment.delete(name)
    else environment.set(name, value)
  }
  const heartbeat = await manager.tick.heartbeat(service, settings, {force})
  const renderedBy = async (writer: string | undefined): Promise<Rendered> => {
    const signed = writer === undefined ? settings : {...settings, writtenBy: writer}
    return {seen, settings: signed, environment, files: await manager.definition.render(service, signed, environment), heartbeat, force}
  }
  // A version that would change nothing leaves the record as it is.
  const asBefore = await renderedBy(writtenBy)
  const isCurrent = writtenBy === version || [...asBefore.files, ...heartbeat.files].every((file) => isAsWanted(doorOf(target, file), file))
  return isCurrent ? asBefore : renderedBy(version)
}

function asksForWatchdog({watchdogTicks, watchdogIsGiven}: Partial<HeartbeatSettings>): boolean {
  return Boolean(watchdogTicks) && (watchdogIsGiven === true || watchdogTicks !== DEFAULT_WATCHDOG_TICKS)
}

/** The definition is another tool's, and stays so. */
export function isOfAnotherTool({manager}: Target, seen: Observation): boolean {
  const {installed, isRewritten} = seen.manager
  return !manager.container && !isRewritten && (installed === 'foreign' || installed === 'adopted')
}

/** A file of a definition is looked at as whom it is written. */
export function doorOf({host, manager, service}: Target, {as}: Pick<DefinitionFile, 'as'>): Door {
  return ownerDoor(host, as ?? manager.placement.owner(service))
}
