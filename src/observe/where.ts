import type {Scope, Service} from '../service/service.js'
import {GatewayVariable, DEFAULT_PROFILE} from '../gateway/contract.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {type Account, type AccountHost, type Doors, type Host, HostError} from '../host/host.js'
import {homeOwner, namedAccount, type Place, placeOf, resolvePlace, type TargetFlags} from './place.js'
import type {Container} from '../managers/container.js'
import {detectManager, foreground, isManagerNamed} from '../managers/index.js'
import {installerOf} from '../managers/installing.js'
import type {Manager, ManagerObservation} from '../managers/manager.js'
import {resolveProfile} from '../service/profile.js'
import {readRun} from '../service/run-record.js'
import {shellWord} from '../text/shell-quote.js'

/** One service, and what is needed to work on it. */
export interface Target extends Doors {
  readonly manager: Manager
  readonly service: Service
  /** How the home was named, for messages. */
  readonly homeFlag: string
  /** The flags that named it, for what is to be typed next. */
  readonly given?: TargetFlags
}

/** `change` needs to know for certain whom the gateway runs as, and needs root for system scope; `read` takes what it can get. */
export type Purpose = 'read' | 'change'

/**
 * Finds the service that the flags mean, as a service manager of this machine has it or would have it; where none has it and a `hermes-svc run` keeps
 * its gateway alive, that. Where there is no manager at all it is what would run in the foreground. Throws usage errors, and exit 4 where the manager
 * that was asked for is not here.
 */
export async function resolveTarget(host: Host, flags: TargetFlags, purpose: Purpose): Promise<Target> {
  if (isManagerNamed(host, flags)) {
    const manager = await detectManager(host, flags.manager, 'user', host.account)
    if (!manager.installer) return targetAt(manager, resolvePlace(host, flags))
  }
  // Of what a scope has, what has none is no part.
  const run = isManagerNamed(host, flags) || flags.scope !== undefined ? undefined : livingRun(host, flags)
  try {
    const target = await resolveManaged(host, flags, purpose)
    return !run || target.manager.observer.isOnDisk(target.service) ? target : await inForeground(run)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    if (run) return inForeground(run)
    if (error.code !== 'no-manager' || isManagerNamed(host, flags)) throw error
    return inForeground(resolvePlace(host, flags))
  }
}

/** The same service as what keeps it now: a `hermes-svc run`, where one does and the manager has nothing of it on disk. */
export async function orForeground(target: Target): Promise<Target> {
  const {host, manager, service} = target
  if (manager.observer.isOnDisk(service) || readRun(target, service.profile.home) === undefined) return target
  return inForeground({...target, host, profile: service.profile, account: service.account})
}

/** The service that would be, or is, kept alive in the foreground. */
export async function inForeground(place: Place): Promise<Target> {
  return targetAt(await foreground(place.host, place.account), place)
}

/** The home that the flags mean, if a `hermes-svc run` keeps its gateway alive here. What may not be looked at is none. */
function livingRun(host: Host, flags: TargetFlags): Place | undefined {
  try {
    const place = resolvePlace(host, flags)
    return readRun(place, place.profile.home) === undefined ? undefined : place
  } catch (error) {
    // What is wrong with the flags, whoever goes by them says.
    if (error instanceof HostError || error instanceof ServiceError) return undefined
    throw error
  }
}

/**
 * Finds the service that the flags mean as a service manager of this machine has it or would have it, in which it could be installed. Throws usage errors,
 * and exit 4 where there is no such manager.
 */
export async function resolveManaged(host: Host, flags: TargetFlags, purpose: Purpose): Promise<Target> {
  const isRoot = host.account.uid === 0
  const named = namedAccount(host, flags, "manage another user's service")
  const invoker = isRoot && host.env.SUDO_USER ? host.accountOf(host.env.SUDO_USER) : undefined

  const scope = parseScope(flags.scope) ?? (isRoot ? 'system' : 'user')
  const userAccount = named ?? invoker ?? host.account
  const manager = await detectManager(host, flags.manager, scope, userAccount)
  installerOf(manager)
  if (manager.container) return containerTarget(host, manager, manager.container, named, flags, purpose)
  if (scope === 'user') {
    const target = targetFor(host, manager, userAccount, flags)
    if (flags.scope !== undefined || purpose === 'change' || manager.observer.isOnDisk(target.service)) return target
    // Somebody who asks about their gateway means the one that is installed, be it in the other scope; but no other account's.
    const system = manager.inScope('system', userAccount)
    const profile = flags.profile ?? DEFAULT_PROFILE
    const owner = system.placement.defaultAccount(profile)
    // Without one there may be a unit of another name.
    if (owner ? owner.uid !== userAccount.uid : system.placement.unknownUser?.(profile) !== undefined) return target
    const other = targetFor(host, system, userAccount, flags)
    return system.observer.isOnDisk(other.service) ? other : target
  }
  const account =
    named ??
    manager.placement.defaultAccount(flags.profile ?? DEFAULT_PROFILE) ??
    invoker ??
    (purpose === 'read' ? host.account : undefined)
  if (purpose === 'change' && !isRoot) {
    throw new ServiceError('Only root can change a service in system scope', {
      code: 'needs-root',
      exitStatus: ExitStatus.failed,
      next: ['run the same command with sudo', 'run the same command with --scope user   # for a service of your own'],
    })
  }
  if (!named) requireKnownUser(manager, flags.profile ?? DEFAULT_PROFILE)
  if (!account) {
    throw accountNeeded()
  }
  return targetFor(host, manager, account, flags)
}

/**
 * In a container there is one manager for all, one home, and mostly one account that owns it, whoever asks: root as the container's own user.
 * Who may change what, the slots' own permissions say.
 */
function containerTarget(
  host: Host,
  manager: Manager,
  container: Container,
  named: Account | undefined,
  flags: TargetFlags,
  purpose: 'read' | 'change',
): Target {
  const home = flags.home ?? container.variable(GatewayVariable.home)
  const account =
    named ??
    homeOwner(host, flags.home) ??
    manager.placement.defaultAccount(flags.profile ?? DEFAULT_PROFILE) ??
    (purpose === 'read' ? host.account : undefined)
  if (!account) throw accountNeeded()
  return targetAt(manager, placeOf(host, account, flags, home))
}

/** The place of a target, or, where no manager is here or it cannot be asked, the one without it. Throws as `resolvePlace`. */
export async function resolveAnyPlace(host: Host, flags: TargetFlags): Promise<Place & {readonly target?: Target}> {
  try {
    const target = await resolveTarget(host, flags, 'read')
    const {userHost, service, homeFlag} = target
    return {host, userHost, profile: service.profile, account: service.account, homeFlag, target}
  } catch (error) {
    if (!(error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell)) throw error
    return resolvePlace(host, flags)
  }
}

function targetAt(manager: Manager, {host, userHost, profile, account, homeFlag}: Place): Target {
  return {host, userHost, manager, service: manager.placement.serviceFor(profile, account), homeFlag}
}

/** A service of somebody whom the user database does not know is nobody else's, least of all root's. */
function requireKnownUser(manager: Manager, profile: string): void {
  const user = manager.placement.unknownUser?.(profile)
  if (user === undefined) return
  throw new ServiceError(
    `The service runs as User=${user}, but the user database does not know that user now: ${manager.title} cannot start it (217/USER)`,
    {
      code: 'unknown-user',
      exitStatus: ExitStatus.cannotTell,
      next: [`getent passwd ${shellWord(user)}   # no output: the account was removed, or its directory service (sssd, winbind) is down`],
    },
  )
}

function accountNeeded(): ServiceError {
  return usageError('Root must name the user of the gateway with --run-as', [
    'hermes-svc install --run-as USER   # USER can be root, but should not be',
  ])
}

/** The same home's service in the other scope; undefined if none of that name is on disk there. */
export function inOtherScope(target: Target): Target | undefined {
  const {manager, service} = target
  const other = manager.inScope(manager.scope === 'user' ? 'system' : 'user', service.account)
  const there = other.placement.serviceFor(service.profile, service.account)
  try {
    return other.observer.isOnDisk(there) ? {...target, manager: other, service: there} : undefined
  } catch (error) {
    // What may not be looked at is nothing that could be shown.
    if (error instanceof ServiceError) return undefined
    throw error
  }
}

/** True if the service that was found under a target's name runs this account's gateway of this home. */
export function isOfTarget({userHost, manager, service}: Target, seen: ManagerObservation): boolean {
  // Without an account a service of the machine is root's.
  const account = seen.accountName ?? (manager.scope === 'system' ? '0' : service.account.name)
  if (account !== service.account.name && account !== String(service.account.uid)) return false
  try {
    return seen.home === undefined || (userHost.realPath(seen.home) ?? seen.home) === service.profile.home
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}

/** Throws (exit 1) if the installed definition belongs to another home than the one meant. */
export function requireSameHome(target: Target, seen: ManagerObservation): void {
  if (seen.installed === 'no' || seen.home === undefined) return
  const pinned = target.userHost.realPath(seen.home) ?? seen.home
  if (pinned === target.service.profile.home) return
  throw new ServiceError(
    `${target.service.name} belongs to another home: it runs the gateway of ${pinned}, not of ${target.service.profile.home}. hermes-svc does not change it`,
    {code: 'other-home', exitStatus: ExitStatus.failed, next: [`hermes-svc status --home ${pinned}`]},
  )
}

function targetFor(host: Host, manager: Manager, account: Account, flags: TargetFlags): Target {
  // The caller's HERMES_HOME is about the caller's own gateway.
  const environmentHome = host.account.uid === account.uid ? host.env[GatewayVariable.home] : undefined
  const target = targetAt(manager, placeOf(host, account, flags, environmentHome))
  const {userHost, service} = target
  const {profile} = service
  if (flags.home !== undefined || flags.profile !== undefined || environmentHome || exists(userHost, profile.home)) return target
  // There is no home in the usual place, and the unit of that name is about another one: that is the one that is meant.
  const home = manager.observer.homeOnDisk?.(service)
  if (home === undefined || home === profile.home || !exists(userHost, home)) return target
  const pinned = resolveProfile(userHost, account.home, {profile: undefined, home, environmentHome: undefined})
  return {...target, service: manager.placement.serviceFor(pinned, account), homeFlag: '--home'}
}

function exists(host: AccountHost, file: string): boolean {
  try {
    return host.stat(file) !== undefined
  } catch (error) {
    if (error instanceof HostError) return true
    throw error
  }
}

function parseScope(scope: string | undefined): Scope | undefined {
  if (scope === undefined || scope === 'user' || scope === 'system') return scope
  throw usageError(`--scope ${scope} is not known: type user or system`)
}
