import {judge, type Verdict} from './judge.js'
import {GatewayVariable, DEFAULT_PROFILE} from '../gateway/contract.js'
import {accountDoor, accountNamed} from '../host/account-door.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {type HealthPayload, healthPayload, isMeantToRun, type StateFileText} from './health-payload.js'
import {glanceAtLoop} from '../gateway/loop.js'
import {hasEnded, startedAt} from '../gateway/process.js'
import {DEFAULT_WEDGE_WINDOW_MS, proveLoop} from './prove-loop.js'
import {type FileReading, type ProcessRecord, stateFile} from '../gateway/records.js'
import {type GatewayObservation, observeGateway, recordOf, stateOf} from '../gateway/observation.js'
import {type Account, type AccountHost, type Host, HostError} from '../host/host.js'
import type {ManagerObservation} from '../managers/manager.js'
import {isStoppedUntilBoot, readDesired} from '../service/desired-state.js'
import {listProfiles, type Profile, resolveProfile} from '../service/profile.js'
import {hasRunHere} from './look.js'
import {resolveTarget, type Target, type TargetFlags} from './where.js'

/** The health of one profile's gateway. */
export interface GatewayHealth {
  readonly profile: string
  /** Name of the account that it runs as. */
  readonly account: string
  readonly verdict: Verdict['state']
  /** Undefined if nothing says. */
  readonly meantToRun: boolean | undefined
  readonly payload: HealthPayload
}

/** Where a gateway's files are, and its service if there is a manager here that could have one. */
interface Place {
  readonly host: Host
  /** Reads what lies in the home. */
  readonly userHost: AccountHost
  readonly profile: Profile
  readonly account: Account
  readonly target: Target | undefined
}

/**
 * Looks at the gateway that the flags mean: without a profile and a home at the root home's, whatever profile HERMES_HOME names, as the
 * WebUI does. Needs no manager: in a container there is none. Takes `windowMs` only where a living gateway's event loop is not seen to work.
 * Throws usage errors only.
 */
export async function observeHealth(host: Host, flags: TargetFlags, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<GatewayHealth> {
  try {
    const place = await findPlace(host, flags)
    return await healthOf(place, lookAt([place])[0], windowMs)
  } catch (error) {
    if (error instanceof HostError) return withoutAccess(host, flags, error)
    throw error
  }
}

/** Looks at the gateways of all profiles below the root home, by one call of the manager at most. Throws usage errors only. */
export async function observeAllHealth(host: Host, flags: TargetFlags, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<GatewayHealth[]> {
  try {
    const first = await findPlace(host, flags)
    const places = profilesBeside(first).map((profile): Place => {
      const {target} = first
      return {...first, profile, target: target && {...target, service: target.manager.serviceFor(profile, target.service.account)}}
    })
    const seen = lookAt(places)
    return await Promise.all(places.map((place, index) => healthOf(place, seen[index], windowMs)))
  } catch (error) {
    if (error instanceof HostError) return [withoutAccess(host, flags, error)]
    throw error
  }
}

/** All profiles; the one at hand alone if the others may not be looked at. */
function profilesBeside({userHost, profile}: Place): readonly Profile[] {
  try {
    return listProfiles(userHost, profile.root)
  } catch (error) {
    if (error instanceof HostError) return [profile]
    throw error
  }
}

/** Finds the home also where there is no manager, or none that can be asked. Throws HostError if the way to it may not be looked at. */
async function findPlace(host: Host, flags: TargetFlags): Promise<Place> {
  const profile = flags.profile ?? (flags.home === undefined ? DEFAULT_PROFILE : undefined)
  try {
    const target = await resolveTarget(host, {...flags, profile}, 'read')
    const {service, userHost} = target
    return {host, userHost, profile: service.profile, account: service.account, target}
  } catch (error) {
    if (!(error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell)) throw error
    const account = namedAccount(host, flags.runAs) ?? host.account
    const environmentHome = account.uid === host.account.uid ? host.env[GatewayVariable.home] : undefined
    const userHost = accountDoor(host, account)
    return {
      host,
      userHost,
      profile: resolveProfile(userHost, account.home, {profile, home: flags.home, environmentHome}),
      account,
      target: undefined,
    }
  }
}

function namedAccount(host: Host, name: string | undefined): Account | undefined {
  return name === undefined ? undefined : accountNamed(host, name)
}

/** A gateway as its files, the process table and the manager show it. */
interface Sight {
  readonly gateway: GatewayObservation
  readonly verdict: Verdict
  /** The profile's own service under a manager here; undefined if it has none, if that cannot be told, or if it was not needed. */
  readonly service: ManagerObservation | undefined
}

/** The manager is asked only about gateways that are not proved alive or wedged without it: it takes longer than all the rest. */
function lookAt(places: readonly Place[]): Sight[] {
  const first = places.map((place): Sight => {
    const gateway = observeGateway(place, place.profile.home)
    return {gateway, verdict: judge(gateway), service: undefined}
  })
  const doubtful = places.filter((_, index) => ['dead', 'unknown'].includes(first[index]?.verdict.state ?? ''))
  const services = askManager(doubtful)
  return first.map((sight, index) => {
    const place = places[index]
    const service = place && services.get(place)
    if (!place || !service) return sight
    const isFromHere = hasRunHere(service)
    const isSame = service.mainPid === undefined && !(isFromHere && sight.gateway.isPartial)
    const gateway = isSame ? sight.gateway : observeGateway(place, place.profile.home, service.mainPid, isFromHere)
    return {gateway, verdict: judge(gateway), service}
  })
}

/** A gateway whose process lives may answer nothing all the same. What is not proved wedged stays alive: its process was proved to be. */
async function lookAtLoop({host, userHost}: Place, sight: Sight, windowMs: number): Promise<Sight> {
  const {state, pid} = sight.verdict
  if (state !== 'alive' || pid === undefined || glanceAtLoop({host, userHost}, pid)) return sight
  const verdict = await proveLoop({host, userHost}, sight.gateway, sight.verdict, windowMs)
  return verdict.state === 'wedged' ? {...sight, verdict} : sight
}

/** What the manager says of the services that are their profiles' own. One that cannot be asked says nothing. */
function askManager(places: readonly Place[]): Map<Place, ManagerObservation> {
  const found = new Map<Place, ManagerObservation>()
  try {
    const onDisk = places.flatMap((place) => (place.target?.manager.isOnDisk(place.target.service) ? [{place, target: place.target}] : []))
    const observations = onDisk[0]?.target.manager.observe(onDisk.map(({target}) => target.service)) ?? []
    for (const [index, {place}] of onDisk.entries()) {
      const seen = observations[index]
      if (seen && seen.installed !== 'no' && runsHome(place, seen)) found.set(place, seen)
    }
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
  }
  return found
}

/** False for a service of that name which runs another home. */
function runsHome({userHost, profile}: Place, {home}: ManagerObservation): boolean {
  return home === undefined || (userHost.realPath(home) ?? home) === profile.home
}

async function healthOf(place: Place, found: Sight | undefined, windowMs: number): Promise<GatewayHealth> {
  if (!found) throw new Error('every place is looked at')
  const {host, userHost, profile, account} = place
  const sight = await lookAtLoop(place, found, windowMs)
  const {gateway, service} = sight
  const stateFile = readStateFile(userHost, gateway)
  const desired = readDesired(userHost, profile.home)
  const isStopped = isStoppedUntilBoot(host, desired)
  const recorded = isStopped ? 'stopped' : desired.kind === 'recorded' ? desired.record.desiredState : undefined
  const verdict = provedState(sight)
  const isOwn = (service !== undefined && hasRunHere(service)) || isSeen(gateway, sight.verdict.pid) || hasZombie(gateway)
  return {
    profile: profile.name,
    account: account.name,
    verdict,
    meantToRun: desired.kind === 'unreadable' ? undefined : isMeantToRun(recorded, stateFile),
    payload: healthPayload({verdict, isOwn, stateFile, nowMs: host.nowMs()}),
  }
}

/** A service that has just been started has not left its record yet: what the files of the run before say is no proof. */
function provedState({verdict, service}: Sight): Verdict['state'] {
  const isUnderWay = service?.activity === 'running' || service?.activity === 'starting'
  return verdict.state === 'dead' && isUnderWay ? 'unknown' : verdict.state
}

function isSeen(gateway: GatewayObservation, pid: number | undefined): boolean {
  return pid !== undefined && gateway.processes.has(pid)
}

/** A zombie with the recorded pid and start time shows that the gateway ran, and ended, in this very process table. */
function hasZombie(gateway: GatewayObservation): boolean {
  const records = [recordOf(gateway.pidRecord), stateOf(gateway.state)?.process]
  return records.some((record) => {
    const process = record && gateway.processes.get(record.pid)
    return process !== undefined && hasEnded(process) && record?.startTime !== undefined && startedAt(process, record.startTime)
  })
}

/** One file that cannot be read says nothing of the others; where gateway.pid cannot be read either, none can be. */
function readStateFile(host: AccountHost, {home, pidRecord}: {home: string; pidRecord: FileReading<ProcessRecord>}): StateFileText {
  try {
    const text = host.readText(stateFile(home))
    return text === undefined ? {kind: 'absent'} : {kind: 'text', text}
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return pidRecord.kind === 'unreadable' ? {kind: 'no-access', error: errorKind(error)} : {kind: 'unreadable'}
  }
}

/** The health of a gateway whose home cannot even be found. */
function withoutAccess(host: Host, flags: TargetFlags, error: HostError): GatewayHealth {
  const stateFile: StateFileText = {kind: 'no-access', error: errorKind(error)}
  return {
    profile: flags.profile ?? DEFAULT_PROFILE,
    account: flags.runAs ?? host.account.name,
    verdict: 'unknown',
    meantToRun: undefined,
    payload: healthPayload({verdict: 'unknown', isOwn: false, stateFile, nowMs: host.nowMs()}),
  }
}

/** The exception that Python raises for it (exceptions.html, "OS exceptions"): the WebUI names errors so. */
function errorKind({code}: HostError): string {
  return code === 'EACCES' || code === 'EPERM' ? 'PermissionError' : 'OSError'
}
