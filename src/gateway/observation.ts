import type {LockReading} from './lock-reading.js'
import type {ProcessInfo} from './process-info.js'
import path from 'node:path'
import {HomeFile, DEFAULT_PROFILE} from './contract.js'
import type {Doors} from '../host/host.js'
import {readLock} from './lock.js'
import {isInnerNamespace, whyElsewhere} from './pid-namespace.js'
import {hasEnded, isGatewayCommandLine, isThere, profileOfCommandLine, readProcesses, startedAt} from './process.js'
import {type FileReading, type GatewayState, lockFile, pidFile, type ProcessRecord, readGatewayState, readProcessRecord} from './records.js'

/** What a home's runtime files and the process table say about its gateway at one moment. */
export interface GatewayObservation {
  readonly home: string
  readonly pidRecord: FileReading<ProcessRecord>
  readonly lockRecord: FileReading<ProcessRecord>
  readonly state: FileReading<GatewayState>
  readonly lock: LockReading
  /** The processes that the files or the service manager name, by pid; a pid that is not here has no process, or a hidden one. */
  readonly processes: ReadonlyMap<number, ProcessInfo>
  /** Of those pids the ones whose process this user may not see. */
  readonly hiddenPids: ReadonlySet<number>
  /** Gateways of this home may run in another PID namespace: that a process is not seen, or is another one here, proves nothing then. */
  readonly isPartial?: true
  /** When this container booted a gateway that cannot be seen from here held the lock. */
  readonly isContested?: true
  /** Why the process of gateway.pid is, or may be, in another PID namespace; absent if it is of here. */
  readonly elsewhere?: string
}

/**
 * Reads what a verdict needs: no lock taken, nothing written, nothing signalled. `mainPid`: the manager's, if it has one. `isFromHere`: a
 * service of this home has run under a manager in this PID namespace, so its gateway is of here.
 */
export function observeGateway(doors: Doors, home: string, mainPid?: number, isFromHere = mainPid !== undefined): GatewayObservation {
  const {host, userHost} = doors
  const [pidRecord, lockRecord, state] = userHost.atOnce(() => [
    readProcessRecord(userHost, pidFile(home)),
    readProcessRecord(userHost, lockFile(home)),
    readGatewayState(userHost, home),
  ])
  const named = [recordOf(pidRecord)?.pid, recordOf(lockRecord)?.pid, stateOf(state)?.process?.pid, mainPid]
  const processes = new Map<number, ProcessInfo>()
  const hiddenPids = new Set<number>()
  const look = (pids: readonly (number | undefined)[]) => {
    const unseen = [...new Set(pids)].filter((pid) => pid !== undefined && pid !== 0 && !processes.has(pid)) as number[]
    for (const info of readProcesses(host, unseen, userHost)) processes.set(info.pid, info)
    for (const pid of unseen) if (!processes.has(pid) && !hiddenPids.has(pid) && isThere(host, pid)) hiddenPids.add(pid)
  }
  look(named)
  const lock = readLock(doors, home, [...processes.keys()])
  if (lock.kind === 'held') look([lock.pid])
  const isPartial = !isFromHere && isInnerNamespace(host)
  // A service with a process of its own here is this namespace's. A gateway that ended in good order has removed its gateway.pid.
  const record = lock.kind === 'held' || mainPid !== undefined ? undefined : recordOf(pidRecord)
  const isSeen = record !== undefined && record.startTime !== undefined && processes.get(record.pid)?.startTime === record.startTime
  const elsewhere = record && !isSeen ? (whyElsewhere(host, record) ?? (isPartial ? NOT_OF_HERE : undefined)) : undefined
  return {
    ...{home, pidRecord, lockRecord, state, lock, processes, hiddenPids},
    ...(isPartial ? {isPartial} : {}),
    ...(elsewhere === undefined ? {} : {elsewhere}),
  }
}

/** What a gateway that cannot be seen from here most likely is. */
export const ELSEWHERE = 'such as one in another container on the same volume'

export const NOT_OF_HERE = 'hermes-svc sees only one PID namespace, and no service of this home has run in it'

/** Whether a process that a record names is this home's gateway, and if not, why. */
export type Identity = 'gateway' | 'gone' | 'zombie' | 'recycled' | 'other-home' | 'other-program'

/**
 * Compares a record with the process of its pid. Pid and start time together are no identity (two processes can share a clock tick, and a
 * record can be copied with its home), so home and command line must agree too, where they can be read.
 */
export function identify(record: ProcessRecord, process: ProcessInfo | undefined, home: string): Identity {
  if (!process) return 'gone'
  if (record.startTime !== undefined && !startedAt(process, record.startTime)) return 'recycled'
  if (hasEnded(process)) return 'zombie'
  if (record.home !== undefined && record.home !== home) return 'other-home'
  if (!isGatewayCommandLine(process.argv)) return 'other-program'
  return serves(process, home) ? 'gateway' : 'other-home'
}

/**
 * Upstream's rule for the home of a gateway: a profile flag picks a home below the root, which HERMES_HOME may name too; without a flag it
 * is HERMES_HOME. Where that is not known a flag alone decides.
 */
function serves(process: ProcessInfo, home: string): boolean {
  const isProfile = path.basename(path.dirname(home)) === HomeFile.profiles
  const flag = profileOfCommandLine(process.argv)
  const isNamed = flag === (isProfile ? path.basename(home) : DEFAULT_PROFILE)
  if (process.home === home) return flag === undefined || isNamed
  if (process.home === undefined) return isNamed || (flag === undefined && !isProfile)
  return isProfile && isNamed && process.home === path.dirname(path.dirname(home))
}

export function recordOf(reading: FileReading<ProcessRecord>): ProcessRecord | undefined {
  return reading.kind === 'present' ? reading.value : undefined
}

export function stateOf(reading: FileReading<GatewayState>): GatewayState | undefined {
  return reading.kind === 'present' ? reading.value : undefined
}
