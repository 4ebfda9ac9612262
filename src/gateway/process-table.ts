import type {Host} from '../host/host.js'
import {HostError} from '../host/host.js'
import {isGatewayCommandLine, parseStat, type ProcessInfo, readProcess} from './process.js'

/** The little that is known of every process. */
export type ProcessEntry = Pick<ProcessInfo, 'pid' | 'state' | 'parentPid' | 'startTime'>

/** All processes that this user may see, at one moment. */
export interface ProcessTable {
  readonly entries: ReadonlyMap<number, ProcessEntry>
  /** Those that have children, with them. */
  readonly children: ReadonlyMap<number, readonly ProcessEntry[]>
  /** Those with a gateway's command line, in full. */
  readonly gateways: readonly ProcessInfo[]
}

/** Reads the process table from /proc (proc(5)). A process that ends meanwhile is left out. */
export function readProcessTable(host: Host): ProcessTable {
  const entries = new Map<number, ProcessEntry>()
  const children = new Map<number, ProcessEntry[]>()
  const gateways: ProcessInfo[] = []
  for (const name of host.list('/proc') ?? []) {
    if (!/^\d+$/.test(name)) continue
    const pid = Number(name)
    const stat = parseStat(textOf(host, `/proc/${name}/stat`))
    if (!stat) continue
    const entry = {pid, ...stat}
    entries.set(pid, entry)
    const siblings = children.get(entry.parentPid)
    if (siblings) siblings.push(entry)
    else children.set(entry.parentPid, [entry])
    const argv = textOf(host, `/proc/${name}/cmdline`)
    if (!argv || !isGatewayCommandLine(argv.replace(/\0$/, '').split('\0'))) continue
    const info = readProcess(host, pid)
    if (info) gateways.push(info)
  }
  return {entries, children, gateways}
}

/** The children of a process, in the order of their pids. */
export function childrenOf({children}: ProcessTable, pid: number): ProcessEntry[] {
  return (children.get(pid) ?? []).toSorted((a, b) => a.pid - b.pid)
}

function textOf(host: Host, file: string): string | undefined {
  try {
    return host.readText(file)
  } catch (error) {
    // It has ended since the folder was read (ESRCH), or is not shown to this user.
    if (error instanceof HostError) return undefined
    throw error
  }
}
