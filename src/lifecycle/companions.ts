import type {ProcessInfo} from '../gateway/process-info.js'
import {hasEnded, readProcesses} from '../gateway/process.js'
import {programOf} from './ladder.js'
import type {Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'

/** The processes of a service beside its gateway and main process: what the gateway has started and not ended. */
export function companionsOf({host, manager}: Target, {manager: seen, verdict}: Observation): ProcessInfo[] {
  const pids = manager.observer.processesOf?.(seen) ?? []
  const others = pids.filter((pid) => pid !== seen.mainPid && pid !== verdict.pid)
  return readProcesses(host, others).filter((process) => !hasEnded(process))
}

/** What became of them, as the end of a sentence; empty if there were none. */
export function companionsText({host}: Target, before: readonly ProcessInfo[]): string {
  const now = readProcesses(
    host,
    before.map(({pid}) => pid),
  ).filter((process) => !hasEnded(process))
  const left = before.filter((process) => now.some(({pid, startTime}) => pid === process.pid && startTime === process.startTime))
  const ended = before.filter((process) => !left.includes(process))
  return `${clause('ended with the former gateway', ended)}${clause('still running from the former gateway', left)}`
}

function clause(what: string, processes: readonly ProcessInfo[]): string {
  if (processes.length === 0) return ''
  return `; ${what}: ${processes.map(({pid, argv}) => `pid ${pid} (${programOf(argv)})`).join(', ')}`
}
