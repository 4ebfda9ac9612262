import type {ProcessInfo} from './process-info.js'
import path from 'node:path'
import {HomeFile} from './contract.js'
import {type Doors} from '../host/host.js'
import {readLock} from './lock.js'
import {hasEnded, readProcess, startedAt} from './process.js'
import {pidFile, readProcessRecord} from './records.js'
import {identify, recordOf} from './observation.js'

/** What signalling a gateway needs of a target. */
export interface GatewayPlace extends Doors {
  readonly service: {readonly profile: {readonly home: string}}
}

/** The process that is meant: a number alone can go to another process at any moment. */
export type GatewayProcess = Pick<ProcessInfo, 'pid' | 'startTime' | 'startSlack'>

/** True while the very process is there and has not ended. */
export function isStillThere(target: GatewayPlace, {pid, startTime}: GatewayProcess): boolean {
  const info = readProcess(target.host, pid, target.userHost)
  return info !== undefined && info.startTime === startTime && !hasEnded(info)
}

/**
 * Sends a signal to a gateway after checking once more that it is the one of this home: the same start time, and the lock of this home in its
 * hands; where nobody holds that, or who does cannot be told, a gateway's command line and environment that mean this home. Returns false, with nothing sent, if it is not there any more.
 */
export function signalGateway(target: GatewayPlace, gateway: GatewayProcess, signal: NodeJS.Signals): boolean {
  const info = readProcess(target.host, gateway.pid, target.userHost)
  if (!info || info.startTime !== gateway.startTime || hasEnded(info) || !isThisGateway(target, info)) return false
  return target.userHost.signal(gateway.pid, signal)
}

/**
 * Tells the gateway that the stop it is about to be sent is meant (upstream's marker, valid for 60 s), so that it ends with 0. Written with the
 * service's user's ids, since the gateway removes it.
 */
export function writePlannedStop(target: GatewayPlace, gateway: GatewayProcess): void {
  const {userHost, service, host} = target
  const marker = {
    target_pid: gateway.pid,
    target_start_time: ownStartTime(target, gateway),
    stopper_pid: host.pid,
    // Python before 3.11 does not read a trailing "Z".
    written_at: new Date(host.nowMs()).toISOString().replace('Z', '+00:00'),
  }
  userHost.writeAtomic(path.join(service.profile.home, HomeFile.plannedStop), JSON.stringify(marker), 0o600)
}

/** Upstream compares for equality, so what is known less exactly is taken from the gateway's own record; without that null, which it accepts. */
function ownStartTime({userHost, service}: GatewayPlace, gateway: GatewayProcess): number | null {
  if (gateway.startSlack === undefined) return gateway.startTime
  const record = recordOf(readProcessRecord(userHost, pidFile(service.profile.home)))
  const isOwn = record?.pid === gateway.pid && record.startTime !== undefined && startedAt(gateway, record.startTime)
  return isOwn ? (record.startTime ?? null) : null
}

/** The lock comes first: an environment can be unreadable, and name the root home of the profile. */
function isThisGateway(target: GatewayPlace, info: ProcessInfo): boolean {
  const {home} = target.service.profile
  const lock = readLock(target, home, [info.pid])
  if (lock.kind === 'held') return lock.pid === info.pid
  return identify({pid: info.pid, startTime: info.startTime, home: undefined, argv: []}, info, home) === 'gateway'
}
