import {judge, type Verdict} from './judge.js'
import path from 'node:path'
import {HomeFile, StateWord} from '../gateway/contract.js'
import {type GatewayObservation, observeGateway, stateOf} from '../gateway/observation.js'
import {ancestorsOf, profileOfCommandLine} from '../gateway/process.js'
import {type Brake, describeBrake, readBrake} from '../gateway/respawn-brake.js'
import {type Doors, type Host, HostError} from '../host/host.js'
import type {ManagerObservation} from '../managers/manager.js'
import {type DesiredReading, readDesired} from '../service/desired-state.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {isOfService} from './membership.js'
import type {Target} from './where.js'

/** A gateway has written its first record by then, however slow the machine. */
export const RECORD_WITHIN_MS = 120_000
/** A gateway that has not said by then that it runs is not going to. */
export const COMES_UP_MS = 300_000

/** A read-only snapshot of everything known about a service at one moment. */
export interface Observation {
  readonly manager: ManagerObservation
  readonly gateway: GatewayObservation
  readonly verdict: Verdict
  readonly desired: DesiredReading
  /** The service's process sleeps by the gateway's own brake, and has no lock and no record for so long. */
  readonly brake?: Brake
  /** The living gateway is one of the service's own processes; undefined if there is none or it cannot be told. */
  readonly supervised: boolean | undefined
  /** It has said that it starts for longer than any start takes. */
  readonly isOverdue?: true
}

/** Looks at one service. Throws ServiceError (exit 4) if the manager cannot be reached. */
export function observe(target: Target): Observation {
  const seen = target.manager.observe([target.service])[0]
  if (!seen) throw new Error('the manager answered for no service')
  return observeWith(target, seen)
}

/** Adds what the home and the process table say to what the manager said. */
export function observeWith(target: Doors, seen: ManagerObservation): Observation {
  const {home} = seen.service.profile
  const looked = observeGateway(target, home, seen.mainPid, hasRunHere(seen))
  const gateway = seen.isContested ? {...looked, isContested: true as const} : looked
  const upMs = upForMs(seen, target.host.monotonicMs())
  const told = judge(gateway)
  const brake = brakeOf(target, seen, told)
  const judged = brake ? withEvidence(told, describeBrake(brake)) : withoutRecord(target.host, seen, told, upMs)
  const isOverdue =
    upMs !== undefined && upMs >= COMES_UP_MS && judged.state === 'alive' && stateOf(gateway.state)?.gatewayState === StateWord.starting
  const verdict = isOverdue
    ? withEvidence(judged, `it has been starting for ${Math.floor((upMs ?? 0) / 1000)} s, and no start takes as long`)
    : judged
  return {
    manager: {...seen, failuresInARow: failuresShown(seen, verdict, target.host.monotonicMs())},
    gateway,
    verdict,
    desired: readDesired(target.userHost, home),
    ...(brake ? {brake} : {}),
    supervised: isSupervised(target.host, seen, gateway, verdict),
    ...(isOverdue ? {isOverdue} : {}),
  }
}

function brakeOf(
  {host, userHost}: Doors,
  {activity, mainPid, startedAtMs, service, environment}: ManagerObservation,
  verdict: Verdict,
): Brake | undefined {
  if (verdict.state !== 'dead' || activity !== 'running' || mainPid === undefined || startedAtMs === undefined) return undefined
  return readBrake(userHost, service.profile.home, host.monotonicMs() - startedAtMs, environment)
}

/**
 * Failures in a row as far as they still count: after a gateway that has been up for as long as the policy says the next one is the first
 * again, though the helper clears its count only when that comes.
 */
function failuresShown(seen: ManagerObservation, verdict: Verdict, nowMs: number): number {
  const {forgetAfterMs} = seen.settings?.policy ?? DEFAULT_RESTART_POLICY
  const upMs = seen.activity === 'running' && verdict.state === 'alive' ? nowMs - (seen.startedAtMs ?? nowMs) : 0
  return upMs >= forgetAfterMs ? 0 : seen.failuresInARow
}

/** True if a gateway of this service has run under the manager here, or may have. */
export function hasRunHere({installed, hasRun}: Pick<ManagerObservation, 'installed' | 'hasRun'>): boolean {
  return installed !== 'no' && hasRun !== false
}

/** How long the main process has been there; undefined without one. Not every manager notes when it was started. */
function upForMs({activity, mainPid, startedAtMs, changedAtMs}: ManagerObservation, nowMs: number): number | undefined {
  const sinceMs = startedAtMs ?? changedAtMs
  return activity !== 'running' || mainPid === undefined || sinceMs === undefined ? undefined : nowMs - sinceMs
}

/** A main process without any record is a gateway that is about to write one; but not for ever. */
function withoutRecord(host: Host, {mainPid, service}: ManagerObservation, verdict: Verdict, upMs: number | undefined): Verdict {
  if (verdict.state !== 'dead' || mainPid === undefined || upMs === undefined || upMs < RECORD_WITHIN_MS) return verdict
  const other = otherHome(host, mainPid, service.profile.home)
  const up = `has been up for ${Math.floor(upMs / 1000)} s and has left no record of a gateway in this home`
  const elsewhere = other === undefined ? '' : `: it is the gateway of ${other}`
  return {...withEvidence(verdict, `pid ${mainPid}, the main process of the service, ${up}${elsewhere}`), state: 'unknown'}
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

function withEvidence(verdict: Verdict, first: string): Verdict {
  return {...verdict, evidence: [first, ...verdict.evidence]}
}

function isSupervised(host: Host, seen: ManagerObservation, gateway: GatewayObservation, {pid}: Verdict): boolean | undefined {
  if (pid === undefined) return undefined
  return isOfService(seen, {pid, cgroup: gateway.processes.get(pid)?.cgroup}, () => ancestorsOf(host, pid))
}

/** The name that a gateway's command line gives its profile; used in messages about a gateway outside its service. */
export function commandLineProfile(gateway: GatewayObservation, pid: number): string | undefined {
  return profileOfCommandLine(gateway.processes.get(pid)?.argv ?? [])
}
