import {HomeFile} from '../gateway/contract.js'
import {ELSEWHERE, type GatewayObservation, identify, NOT_OF_HERE, recordOf, stateOf} from '../gateway/observation.js'
import {isHeld} from '../gateway/process.js'
import type {ProcessInfo} from '../gateway/process-info.js'
import type {FileReading, ProcessRecord} from '../gateway/records.js'

/** Alive, dead, wedged or "cannot tell", with the evidence it rests on, in words. */
export interface Verdict {
  readonly state: 'alive' | 'dead' | 'wedged' | 'unknown'
  /** The gateway's own pid, if there is a process. */
  readonly pid: number | undefined
  readonly evidence: readonly string[]
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
