import type {ProcessEntry, ProcessInfo} from './process-info.js'
import type {Door} from '../host/host.js'
import {followParents} from './process.js'
import {readDarwinTable} from './process-darwin.js'
import {readLinuxTable} from './process-linux.js'

/** All processes that this user may see, at one moment. */
export interface ProcessTable {
  readonly entries: ReadonlyMap<number, ProcessEntry>
  /** Those that have children, with them. */
  readonly children: ReadonlyMap<number, readonly ProcessEntry[]>
  /** Those with a gateway's command line, in full. */
  readonly gateways: readonly ProcessInfo[]
}

/** Reads the process table. A process that ends meanwhile is left out. */
export function readProcessTable(host: Door): ProcessTable {
  const {entries: all, gateways} = host.platform === 'darwin' ? readDarwinTable(host) : readLinuxTable(host)
  const entries = new Map<number, ProcessEntry>()
  const children = new Map<number, ProcessEntry[]>()
  for (const entry of all) {
    entries.set(entry.pid, entry)
    const siblings = children.get(entry.parentPid)
    if (siblings) siblings.push(entry)
    else children.set(entry.parentPid, [entry])
  }
  return {entries, children, gateways}
}

/** The children of a process, in the order of their pids. */
export function childrenOf({children}: ProcessTable, pid: number): ProcessEntry[] {
  return (children.get(pid) ?? []).toSorted((a, b) => a.pid - b.pid)
}

/** The pids of a process's parent, of that one's parent and so on. */
export function ancestorsIn({entries}: ProcessTable, pid: number): number[] {
  return followParents(pid, (child) => entries.get(child)?.parentPid)
}
