import {DEFAULT_WEDGE_WINDOW_MS, glance} from './ask-loop.js'
import type {TargetFlags} from './place.js'
import {type Verdict} from './judge.js'
import {DEFAULT_PROFILE} from '../gateway/contract.js'
import {ServiceError} from '../errors.js'
import {type HealthPayload, healthPayload, isMeantToRun, type StateFileText} from './health-payload.js'
import {ageMs, hasEnded, startedAt} from '../gateway/process.js'
import {type FileReading, type ProcessRecord, stateFile} from '../gateway/records.js'
import {type GatewayObservation, recordOf, stateOf} from '../gateway/observation.js'
import {type AccountHost, type Host, HostError} from '../host/host.js'
import type {ManagerObservation} from '../managers/manager.js'
import {isStoppedUntilBoot, readDesired, recordedState} from '../service/desired-state.js'
import {listProfiles, type Profile} from '../service/profile.js'
import {hasRunHere, lookAtHome, lookWith, proveSeen, type SeenGateway} from './look.js'
import {resolveAnyPlace} from './where.js'

/** The health of one profile's gateway. */
export interface GatewayHealth {
  readonly profile: string
  /** Name of the account that it runs as. */
  readonly account: string
  readonly verdict: Verdict['state']
  /** Undefined if nothing says. */
  readonly meantToRun: boolean | undefined
  readonly payload: HealthPayload
  /** Where it is, and how long the process that was proved has been up, in ms; absent where the home may not be looked at. */
  readonly place?: {readonly userHost: AccountHost; readonly home: string; readonly upMs: number | undefined}
}

/** Where a gateway's files are, and its service if there is a manager here that could have one. */
type Place = Awaited<ReturnType<typeof resolveAnyPlace>>

/** Without a profile and a home that of the root home is meant, whatever profile HERMES_HOME names. */
function findPlace(host: Host, flags: TargetFlags): Promise<Place> {
  return resolveAnyPlace(host, {...flags, profile: flags.profile ?? (flags.home === undefined ? DEFAULT_PROFILE : undefined)})
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
      return {
        ...first,
        profile,
        ...(target && {target: {...target, service: target.manager.placement.serviceFor(profile, target.service.account)}}),
      }
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

/** A gateway as its files, the process table and the manager show it. */
interface Sight {
  readonly seen: SeenGateway
  /** The profile's own service under a manager here; undefined if it has none, if that cannot be told, or if it was not needed. */
  readonly service: ManagerObservation | undefined
}

/** The manager is asked only about gateways that are not proved alive or wedged without it: it takes longer than all the rest. */
function lookAt(places: readonly Place[]): Sight[] {
  const first = places.map((place) => ({place, seen: lookAtHome(place, place.profile.home)}))
  const doubtful = first.filter(({seen}) => seen.verdict.state === 'dead' || seen.verdict.state === 'unknown')
  const services = askManager(doubtful.map(({place}) => place))
  return first.map(({place, seen}) => {
    const service = services.get(place)
    return {service, seen: service ? lookWith(place, service) : seen}
  })
}

/** A gateway whose process lives may answer nothing all the same. What is not proved wedged stays alive: its process was proved to be. */
async function lookAtLoop(place: Place, seen: SeenGateway, windowMs: number): Promise<SeenGateway> {
  if (seen.verdict.state !== 'alive' || glance(place, seen.verdict)) return seen
  const proved = await proveSeen(place, seen, windowMs)
  return proved.verdict.state === 'wedged' ? proved : seen
}

/** What the manager says of the services that are their profiles' own. One that cannot be asked says nothing. */
function askManager(places: readonly Place[]): Map<Place, ManagerObservation> {
  const found = new Map<Place, ManagerObservation>()
  try {
    const onDisk = places.flatMap((place) =>
      place.target?.manager.observer.isOnDisk(place.target.service) ? [{place, target: place.target}] : [],
    )
    const observations = onDisk[0]?.target.manager.observer.observe(onDisk.map(({target}) => target.service)) ?? []
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
  const {service} = found
  const {gateway, verdict: proved} = await lookAtLoop(place, found.seen, windowMs)
  const stateFile = readStateFile(userHost, gateway)
  const desired = readDesired(userHost, profile.home)
  const isStopped = isStoppedUntilBoot(host, desired)
  const recorded = isStopped ? 'stopped' : recordedState(desired)
  const verdict = provedState(proved, service)
  const isOwn = (service !== undefined && hasRunHere(service)) || isSeen(gateway, proved.pid) || hasZombie(gateway)
  const living = proved.pid === undefined ? undefined : gateway.processes.get(proved.pid)
  return {
    profile: profile.name,
    account: account.name,
    verdict,
    place: {userHost, home: profile.home, upMs: living && ageMs(host, living)},
    meantToRun: desired.kind === 'unreadable' ? undefined : isMeantToRun(recorded, stateFile),
    payload: healthPayload({verdict, isOwn, stateFile, nowMs: host.nowMs()}),
  }
}

/** A service that has just been started has not left its record yet: what the files of the run before say is no proof. */
function provedState(verdict: Verdict, service: ManagerObservation | undefined): Verdict['state'] {
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
