import type {ProcessInfo} from '../gateway/process-info.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {hasEnded, readProcesses} from '../gateway/process.js'
import {HostError} from '../host/host.js'
import type {Progress} from '../plan/plan.js'
import {endProcess} from './end-process.js'
import type {Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'

/** The processes of a service beside its gateway and main process: what the gateway has started and not ended. */
export function companionsOf({host, manager}: Target, {manager: seen, verdict}: Observation): ProcessInfo[] {
  const pids = manager.processesOf(seen) ?? []
  const others = pids.filter((pid) => pid !== seen.mainPid && pid !== verdict.pid)
  return readProcesses(host, others).filter((process) => !hasEnded(process))
}

/** Ends those that are still there: not every manager ends what its process has started. What cannot be ended stays, and is told of. */
export async function endCompanions(target: Target, companions: readonly ProcessInfo[], progress: Progress): Promise<void> {
  for (const companion of companions) {
    try {
      await endProcess(target, companion, progress)
    } catch (error) {
      const isTold = error instanceof HostError || (error instanceof ServiceError && error.exitStatus !== ExitStatus.cancelled)
      if (!isTold) throw error
    }
  }
}

/** What became of them, as the end of a sentence; empty if there were none. */
export function companionsText({host}: Target, before: readonly ProcessInfo[]): string {
  const now = readProcesses(
    host,
    before.map(({pid}) => pid),
  ).filter((process) => !hasEnded(process))
  const left = before.filter((process) => now.some(({pid, startTime}) => pid === process.pid && startTime === process.startTime))
  const ended = before.filter((process) => !left.includes(process))
  return `${clause('ended with the former gateway', ended)}${clause('still there of the former gateway', left)}`
}

function clause(what: string, processes: readonly ProcessInfo[]): string {
  if (processes.length === 0) return ''
  return `; ${what}: ${processes.map(({pid, argv}) => `pid ${pid} (${(argv[0] ?? '?').split('/').at(-1)})`).join(', ')}`
}
