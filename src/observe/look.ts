import path from 'node:path'
import {ExitStatus, ServiceError} from '../errors.js'
import {HomeFile} from '../gateway/contract.js'
import {type GatewayObservation, observeGateway} from '../gateway/observation.js'
import {ancestorsOf, environmentOf, profileOfCommandLine} from '../gateway/process.js'
import {readBrake} from '../gateway/respawn-brake.js'
import {type Doors, type Host, HostError} from '../host/host.js'
import type {ManagerObservation} from '../managers/manager.js'
import {type DesiredReading, readDesired} from '../service/desired-state.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {askLoop, DEFAULT_WEDGE_WINDOW_MS, glance} from './ask-loop.js'
import {isRecordless, judge, type Judgement, type MainProcess, RECORD_WITHIN_MS, type Snapshot, type Verdict} from './judge.js'
import {type Located, locateAll} from './locate.js'
import {isOfService} from './membership.js'
import type {Target} from './where.js'

/** The gateway of a home as it was seen, and what is to be thought of it. */
export interface SeenGateway extends Snapshot, Judgement {}

/** A read-only snapshot of everything known about a service at one moment, and the verdict on its gateway. */
export interface Observation extends SeenGateway {
  readonly manager: ManagerObservation
  readonly desired: DesiredReading
  /** The living gateway is one of the service's own processes; undefined if there is none or it cannot be told. */
  readonly supervised: boolean | undefined
  /** Why the manager could not tell of it; `manager` then has only what is on disk. */
  readonly unreachable?: ServiceError
}

/** A service as it was seen, in the scope in which it was found. */
export interface Found {
  readonly target: Target
  readonly seen: Observation
}

/**
 * Looks at the gateway of a home by its files and the process table alone. Reads only. `isFromHere`: a service of this home has run in this PID
 * namespace, or whoever asks has seen to it that none runs in another one. Throws HostError for a home that may not be looked at.
 */
export function lookAtHome(doors: Doors, home: string, isFromHere = false): SeenGateway {
  return judged({gateway: observeGateway(doors, home, undefined, isFromHere)})
}

/**
 * The same, and its event loop is asked. One whose main thread is seen in epoll at the first glance is not asked any more, which costs a
 * process as small as the tick a quarter of its time and says the same.
 */
export async function proveHome(doors: Doors, home: string, windowMs = DEFAULT_WEDGE_WINDOW_MS, isFromHere = false): Promise<SeenGateway> {
  const seen = lookAtHome(doors, home, isFromHere)
  const loop = glance(doors, seen.verdict)
  return loop ? judged({...seen, loop}) : proveSeen(doors, seen, windowMs)
}

/** Looks at one service. Throws ServiceError (exit 4) if the manager cannot be reached. */
export function observe(target: Target): Observation {
  const seen = target.manager.observer.observe([target.service])[0]
  if (!seen) throw new Error('the manager answered for no service')
  return observeWith(target, seen)
}

/** Adds what the home and the process table say to what the manager said. */
export function observeWith(target: Doors, seen: ManagerObservation): Observation {
  const gateway = lookWith(target, seen)
  const {verdict} = gateway
  return {
    ...gateway,
    manager: {...seen, failuresInARow: failuresShown(seen, target.host.monotonicMs())},
    desired: readDesired(target.userHost, seen.service.profile.home),
    supervised: isSupervised(target.host, seen, gateway.gateway, verdict),
  }
}

/** Looks at the gateway of a home whose service a manager has just told about. */
export function lookWith(doors: Doors, seen: ManagerObservation): SeenGateway {
  const {home} = seen.service.profile
  const looked = observeGateway(doors, home, seen.mainPid, hasRunHere(seen))
  const gateway = seen.isContested ? {...looked, isContested: true as const} : looked
  const {mainPid, activity} = seen
  const upMs = upForMs(seen, doors.host.monotonicMs())
  const main: MainProcess | undefined = activity === 'running' && mainPid !== undefined ? {pid: mainPid, upMs} : undefined
  const first = judged({gateway, ...(main && {main})})
  if (!main || !isRecordless(first)) return first
  // A process that has left nothing: is it asleep, or another home's?
  const {startedAtMs, environment} = seen
  const brake =
    startedAtMs === undefined
      ? undefined
      : readBrake(doors.userHost, home, doors.host.monotonicMs() - startedAtMs, [
          ...environment,
          ...environmentOf(doors.userHost, main.pid),
        ])
  if (brake) return judged({...first, brake})
  return (upMs ?? 0) < RECORD_WITHIN_MS ? first : judged({...first, main: {...main, otherHome: otherHome(doors.host, main.pid, home)}})
}

/** Observes a service and, if its gateway's process is alive, proves or disproves its event loop. Reads only. */
export function prove(target: Target, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<Observation> {
  return proveSeen(target, observe(target), windowMs)
}

/** The same for a gateway that was looked at already. */
export async function proveSeen<T extends SeenGateway>(doors: Doors, seen: T, windowMs: number): Promise<T> {
  const loop = await askLoop(doors, seen.gateway, seen.verdict, windowMs)
  return loop ? {...seen, ...judged({...seen, loop})} : seen
}

/**
 * The same for many services of one manager: that is asked once at most, and all gateways at once, so that however many are wedged it takes
 * no longer than for one. `anyScope`: what is not installed there is looked for in the other scope, by one call more.
 */
export function proveAll(targets: readonly Target[], windowMs: number, anyScope: boolean): Promise<Found[]> {
  return proveLocated(locateAll(targets, anyScope), windowMs)
}

/** The same for services that the manager was asked about already. */
export function proveLocated(located: readonly Located[], windowMs: number): Promise<Found[]> {
  return Promise.all(
    located.map(async ({target, manager, unreachable}) => {
      const seen = await proveSeen(target, observeWith(target, manager), windowMs)
      return {target, seen: unreachable ? untold(seen, unreachable) : seen}
    }),
  )
}

/** What was seen of a service of which its manager cannot tell. That a gateway is dead is no proof then: it may be about to be started. */
function untold(seen: Observation, unreachable: ServiceError): Observation {
  const {verdict} = seen
  const evidence = [unreachable.message, ...verdict.evidence]
  return {...seen, unreachable, verdict: verdict.state === 'dead' ? {...verdict, state: 'unknown', evidence} : {...verdict, evidence}}
}

/** Asks the control socket where no process was found; what was seen stays as it is else. */
export async function askUnseen(target: Target, seen: Observation): Promise<Observation> {
  return seen.verdict.pid === undefined ? proveSeen(target, seen, 0) : seen
}

/** True if a gateway is there without a process that could be seen: it holds the lock, or its control socket answers. */
export function isUnseen({gateway, verdict}: SeenGateway): boolean {
  return verdict.pid === undefined && (gateway.lock.kind === 'held' || verdict.state === 'alive')
}

/**
 * Throws (exit 1) if a gateway of this home runs where its process cannot be seen: it can be neither asked nor waited for, and no other one
 * starts beside it. For an observation that was proved: by its control socket alone may it have been found.
 */
export function requireVisible(target: Target, seen: Observation): void {
  if (!isUnseen(seen)) return
  throw new ServiceError(
    `The gateway of ${target.service.profile.home} runs where hermes-svc cannot see it from here, probably in a container`,
    {
      code: 'gateway-unseen',
      exitStatus: ExitStatus.failed,
      evidence: seen.verdict.evidence,
      next: ['run the same command in that container'],
    },
  )
}

/** True if a gateway of this service has run under the manager here, or may have. */
export function hasRunHere({installed, hasRun}: Pick<ManagerObservation, 'installed' | 'hasRun'>): boolean {
  return installed !== 'no' && hasRun !== false
}

/** The name that a gateway's command line gives its profile; used in messages about a gateway outside its service. */
export function commandLineProfile(gateway: GatewayObservation, pid: number): string | undefined {
  return profileOfCommandLine(gateway.processes.get(pid)?.argv ?? [])
}

function judged(snapshot: Snapshot): SeenGateway {
  return {...snapshot, ...judge(snapshot)}
}

/**
 * Failures in a row as far as they still count, by the rule of `afterEnd`: of a gateway that has been up for as long as the policy says the next
 * one is the first again, though the helper clears its count only when that comes. However it is by now: a wedged one is forgiven as well.
 */
function failuresShown(seen: ManagerObservation, nowMs: number): number {
  const {forgetAfterMs} = seen.settings?.policy ?? DEFAULT_RESTART_POLICY
  const upMs = seen.activity === 'running' ? nowMs - (seen.startedAtMs ?? nowMs) : 0
  return upMs >= forgetAfterMs ? 0 : seen.failuresInARow
}

/** How long the main process has been there; undefined where it is not known. Not every manager notes when it was started. */
function upForMs({startedAtMs, changedAtMs}: ManagerObservation, nowMs: number): number | undefined {
  const sinceMs = startedAtMs ?? changedAtMs
  return sinceMs === undefined ? undefined : nowMs - sinceMs
}

/** Another home whose gateway.lock a process has open; undefined if none is seen. */
function otherHome(host: Host, pid: number, home: string): string | undefined {
  if (host.platform !== 'linux') return undefined
  try {
    const open = (host.list(`/proc/${pid}/fd`) ?? []).map((fd) => host.readLink(`/proc/${pid}/fd/${fd}`) ?? '')
    const lock = open.find((file) => path.basename(file) === HomeFile.lock && path.dirname(file) !== home)
    return lock === undefined ? undefined : path.dirname(lock)
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

function isSupervised(host: Host, seen: ManagerObservation, gateway: GatewayObservation, {pid}: Verdict): boolean | undefined {
  if (pid === undefined || (seen.isForeground && seen.installed === 'no')) return undefined
  return isOfService(seen, {pid, cgroup: gateway.processes.get(pid)?.cgroup}, () => ancestorsOf(host, pid))
}
