import {type GatewayObservation, judge, observeGateway, type Verdict} from '../gateway/verdict.js'
import {ancestorsOf, profileOfCommandLine} from '../gateway/process.js'
import {type Brake, describeBrake, readBrake} from '../gateway/respawn-brake.js'
import type {Doors, Host} from '../host/host.js'
import type {ManagerObservation} from '../managers/manager.js'
import {type DesiredReading, readDesired} from '../service/desired-state.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {isOfService} from './membership.js'
import type {Target} from './target.js'

/** A gateway has written its first record by then, however slow the machine. */
const RECORD_WITHIN_MS = 120_000

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
  const gateway = observeGateway(target, home, seen.mainPid, hasRunHere(seen))
  const judged = judge(gateway)
  const brake = brakeOf(target, seen, judged)
  const verdict = brake
    ? {...judged, evidence: [describeBrake(brake), ...judged.evidence]}
    : withoutRecord(seen, judged, target.host.monotonicMs())
  return {
    manager: {...seen, failuresInARow: failuresShown(seen, verdict, target.host.monotonicMs())},
    gateway,
    verdict,
    desired: readDesired(target.userHost, home),
    ...(brake ? {brake} : {}),
    supervised: isSupervised(target.host, seen, gateway, verdict),
  }
}

function brakeOf(
  {host, userHost}: Doors,
  {activity, mainPid, startedAtMs, service}: ManagerObservation,
  verdict: Verdict,
): Brake | undefined {
  if (verdict.state !== 'dead' || activity !== 'running' || mainPid === undefined || startedAtMs === undefined) return undefined
  return readBrake(userHost, service.profile.home, host.monotonicMs() - startedAtMs)
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

/** A main process without any record is a gateway that is about to write one; but not for ever. */
function withoutRecord({activity, mainPid, startedAtMs}: ManagerObservation, verdict: Verdict, nowMs: number): Verdict {
  if (verdict.state !== 'dead' || activity !== 'running' || mainPid === undefined || startedAtMs === undefined) return verdict
  const upMs = nowMs - startedAtMs
  if (upMs < RECORD_WITHIN_MS) return verdict
  const up = `has been up for ${Math.floor(upMs / 1000)} s and has left no record of a gateway in this home`
  return {...verdict, state: 'unknown', evidence: [`pid ${mainPid}, the main process of the service, ${up}`, ...verdict.evidence]}
}

function isSupervised(host: Host, seen: ManagerObservation, gateway: GatewayObservation, {pid}: Verdict): boolean | undefined {
  if (pid === undefined) return undefined
  return isOfService(seen, {pid, cgroup: gateway.processes.get(pid)?.cgroup}, () => ancestorsOf(host, pid))
}

/** The name that a gateway's command line gives its profile; used in messages about a gateway outside its service. */
export function commandLineProfile(gateway: GatewayObservation, pid: number): string | undefined {
  return profileOfCommandLine(gateway.processes.get(pid)?.argv ?? [])
}
