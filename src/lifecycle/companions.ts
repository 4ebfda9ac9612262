import {hasEnded, type ProcessInfo, readProcess} from '../gateway/process.js'
import type {Observation} from './observe.js'
import type {Target} from './target.js'

/** The processes of a service's control group beside its gateway and main process: what the gateway has started and not ended. */
export function companionsOf({host, manager}: Target, {manager: seen, verdict}: Observation): ProcessInfo[] {
  const pids = manager.processesOf(seen) ?? []
  return pids
    .filter((pid) => pid !== seen.mainPid && pid !== verdict.pid)
    .map((pid) => readProcess(host, pid))
    .filter((process) => process !== undefined && !hasEnded(process)) as ProcessInfo[]
}

/** What became of them, as the end of a sentence; empty if there were none. */
export function companionsText({host}: Target, before: readonly ProcessInfo[]): string {
  const isThere = ({pid, startTime}: ProcessInfo) => {
    const now = readProcess(host, pid)
    return now !== undefined && now.startTime === startTime && !hasEnded(now)
  }
  const left = before.filter(isThere)
  const ended = before.filter((process) => !left.includes(process))
  return `${clause('ended with the former gateway', ended)}${clause('still there of the former gateway', left)}`
}

function clause(what: string, processes: readonly ProcessInfo[]): string {
  if (processes.length === 0) return ''
  return `; ${what}: ${processes.map(({pid, argv}) => `pid ${pid} (${(argv[0] ?? '?').split('/').at(-1)})`).join(', ')}`
}
