import type {LockReading} from './lock-reading.js'
import type {ProcessInfo} from './process-info.js'
import path from 'node:path'
import {HomeFile, DEFAULT_PROFILE} from './contract.js'
import type {Doors} from '../host/host.js'
import {readLock} from './lock.js'
import {isInnerNamespace, whyElsewhere} from './pid-namespace.js'
import {hasEnded, isGatewayCommandLine, isHeld, isHidden, profileOfCommandLine, readProcesses, startedAt} from './process.js'
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

/** Alive, dead, wedged or "cannot tell", with the evidence it rests on, in words. */
export interface Verdict {
  readonly state: 'alive' | 'dead' | 'wedged' | 'unknown'
  /** The gateway's own pid, if there is a process. */
  readonly pid: number | undefined
  readonly evidence: readonly string[]
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
    for (const pid of unseen) if (!processes.has(pid) && !hiddenPids.has(pid) && isHidden(host, pid)) hiddenPids.add(pid)
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
export const ELSEWHERE = 'such as that of another container on the same volume'

const NOT_OF_HERE = 'only the processes of one PID namespace are seen here, and no service of this home has run in it'

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

/** The verdict on a home's gateway, by DESIGN's order of proof: the lock, then the identity of the recorded process. */
export function judge(seen: GatewayObservation): Verdict {
  const files = fileEvidence(seen)
  if (seen.lock.kind === 'held') {
    const {pid} = seen.lock
    const holder = seen.processes.get(pid)
    if (pid === 0 || !holder) {
      const whose = seen.hiddenPids.has(pid)
        ? `pid ${pid}, a process that this user may not see`
        : 'a process that cannot be seen from here, in another PID namespace such as a container'
      return {state: 'unknown', pid: undefined, evidence: [`${HomeFile.lock} is held by ${whose}`, ...files]}
    }
    return livingVerdict(holder, [
      `${HomeFile.lock} is held by pid ${pid}${seen.lock.unlinked ? ', but the locked file has been deleted' : ''}`,
      ...disagreement(seen, pid),
      ...files,
    ])
  }
  if (seen.lock.kind === 'free') {
    const isUntold = seen.elsewhere !== undefined || seen.isContested
    if (seen.isContested) files.unshift(`when this container booted a gateway elsewhere held it, ${ELSEWHERE}`)
    files.unshift(`${HomeFile.lock} is there, ${isUntold ? 'and nobody who can be seen from here holds it' : 'but nobody holds it'}`)
  }
  if (seen.lock.kind === 'unreadable') files.unshift(`who holds ${HomeFile.lock} cannot be told (${seen.lock.why})`)

  const records = [recordOf(seen.pidRecord), stateOf(seen.state)?.process].filter((record) => record !== undefined)
  for (const record of records) {
    const process = seen.processes.get(record.pid)
    if (process && identify(record, process, seen.home) === 'gateway') {
      return livingVerdict(process, [`pid ${record.pid} is a gateway of this home (pid, start time and command line agree)`, ...files])
    }
  }
  const isHiddenFrom = records.some((record) => seen.hiddenPids.has(record.pid)) || seen.elsewhere !== undefined
  // Without a lock nothing but the pid record tells of a gateway that has just started, and it may be about to be written.
  const isTorn = seen.pidRecord.kind === 'malformed' && seen.lock.kind === 'absent'
  const unreadable = [seen.pidRecord, seen.state, seen.lock].some((reading) => reading.kind === 'unreadable') || isHiddenFrom || isTorn
  const gone = records.map((record) => goneEvidence(record, seen))
  const evidence = [...new Set([...gone, ...files])]
  if (unreadable) return {state: 'unknown', pid: undefined, evidence}
  return {state: 'dead', pid: undefined, evidence: evidence.length > 0 ? evidence : ['no gateway has left any runtime file in this home']}
}

function livingVerdict(process: ProcessInfo, evidence: readonly string[]): Verdict {
  if (isHeld(process)) {
    return {
      state: 'wedged',
      pid: process.pid,
      evidence: [`pid ${process.pid} is stopped by a signal (state ${process.state}): it answers nothing`, ...evidence],
    }
  }
  return {state: 'alive', pid: process.pid, evidence}
}

function goneEvidence(record: ProcessRecord, seen: GatewayObservation): string {
  if (seen.elsewhere !== undefined && record.pid === recordOf(seen.pidRecord)?.pid) {
    const where = 'that cannot be seen from here, in another PID namespace such as a container'
    const verb = seen.elsewhere === NOT_OF_HERE ? 'may be' : 'is'
    return `the recorded pid ${record.pid} ${verb} of a process ${where}: ${seen.elsewhere}`
  }
  if (seen.hiddenPids.has(record.pid)) return `the recorded pid ${record.pid} has a process that this user may not see`
  const identity = identify(record, seen.processes.get(record.pid), seen.home)
  switch (identity) {
    case 'gone':
      return `the recorded pid ${record.pid} has no process`
    case 'zombie':
      return `the recorded pid ${record.pid} is a zombie: it has ended, and its parent has not reaped it`
    case 'recycled':
      return `the recorded pid ${record.pid} belongs to another process now (its start time differs)`
    case 'other-home':
      return `the recorded pid ${record.pid} is a gateway of another home`
    case 'other-program':
      return `the recorded pid ${record.pid} belongs to another program now`
    case 'gateway':
      return `pid ${record.pid} is a gateway of this home`
  }
}

function fileEvidence(seen: GatewayObservation): string[] {
  const evidence: string[] = []
  const readings: [string, FileReading<unknown>][] = [
    [HomeFile.pid, seen.pidRecord],
    [HomeFile.state, seen.state],
  ]
  for (const [name, reading] of readings) {
    if (reading.kind === 'unreadable') evidence.push(`${name} cannot be read (${reading.why})`)
    if (reading.kind === 'malformed') evidence.push(`${name} is damaged (${reading.why})`)
  }
  const state = stateOf(seen.state)
  // Anything but a plain word is quoted: it is shown on terminals.
  const said = state?.says
  if (said) evidence.push(`${HomeFile.state} says ${/^\w+$/.test(said) ? said : JSON.stringify(said)}`)
  return evidence
}

function disagreement(seen: GatewayObservation, holder: number): string[] {
  const recorded = recordOf(seen.pidRecord)?.pid
  if (recorded === undefined) return [`there is no ${HomeFile.pid} for it`]
  return recorded === holder ? [] : [`${HomeFile.pid} names another pid, ${recorded}`]
}

export function recordOf(reading: FileReading<ProcessRecord>): ProcessRecord | undefined {
  return reading.kind === 'present' ? reading.value : undefined
}

export function stateOf(reading: FileReading<GatewayState>): GatewayState | undefined {
  return reading.kind === 'present' ? reading.value : undefined
}
