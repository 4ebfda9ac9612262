import type {ProcessInfo} from './process-info.js'
import {type AccountHost, type Door, HostError} from '../host/host.js'
import {darwinName, darwinParents, darwinResidentBytes, readDarwinProcesses} from './process-darwin.js'
import {linuxEnvironment, linuxName, linuxParent, linuxResidentBytes, readLinuxProcess} from './process-linux.js'

export {isGatewayCommandLine, profileOfCommandLine} from './command-line.js'
export {parseStat} from './process-linux.js'

/** The unit of start times. USER_HZ is 100 on every machine that systemd runs on (time(7)). */
export const START_UNIT_MS = 10

const MAX_DEPTH = 100

/**
 * Looks a process up; undefined if there is none, or none that this user may see (`isThere` tells). `userHost`: for what only the process's own user
 * may see of it.
 */
export function readProcess(host: Door, pid: number, userHost?: AccountHost): ProcessInfo | undefined {
  return isDarwin(host) ? readDarwinProcesses(host, [pid])[0] : readLinuxProcess(host, pid, userHost)
}

/** Looks processes up, by as few programs as the system needs for it. Those that are not there are left out. */
export function readProcesses(host: Door, pids: readonly number[], userHost?: AccountHost): ProcessInfo[] {
  if (pids.length === 0) return []
  if (isDarwin(host)) return readDarwinProcesses(host, pids)
  return pids.map((pid) => readLinuxProcess(host, pid, userHost)).filter((process) => process !== undefined)
}

/** The pids of a process's parent, of that one's parent and so on, as far as they can be seen. */
export function ancestorsOf(host: Door, pid: number): number[] {
  const parents = isDarwin(host) ? darwinParents(host) : undefined
  return followParents(pid, (child) => (parents ? parents.get(child) : linuxParent(host, child)))
}

/** Follows a chain of parents up to the first process. */
export function followParents(pid: number, parentOf: (pid: number) => number | undefined): number[] {
  const found: number[] = []
  for (let at = parentOf(pid); at !== undefined && at > 0 && found.length < MAX_DEPTH; at = parentOf(at)) found.push(at)
  return found
}

/** The environment that a process was started with, `NAME=value` each; none where that is not shown to its own user. */
export function environmentOf(userHost: AccountHost, pid: number): string[] {
  return isDarwin(userHost) ? [] : linuxEnvironment(userHost, pid)
}

/** What a process or its program calls itself; undefined if that cannot be seen. */
export function programName(host: Door, pid: number): string | undefined {
  return isDarwin(host) ? darwinName(host, pid) : linuxName(host, pid)
}

/** The memory that a process alone has now (resident set), in bytes; undefined if there is none of that pid, or nothing tells. */
export function residentBytes(host: Door, pid: number): number | undefined {
  return isDarwin(host) ? darwinResidentBytes(host, pid) : linuxResidentBytes(host, pid)
}

/** The command by which a person sees what keeps a process from ending. */
export function whatHolds(host: Door, pid: number): string {
  return isDarwin(host) ? `sudo spindump ${pid} 1   # what it is stuck in` : `cat /proc/${pid}/stack   # as root: what it is stuck in`
}

/** True if there is a process of that pid, shown to this user or not (hidepid=, proc(5)). Asks for no more than that: kill(2) with 0. */
export function isThere(host: Door, pid: number): boolean {
  try {
    return host.signal(pid, 0)
  } catch (error) {
    if (error instanceof HostError) return error.code === 'EPERM'
    throw error
  }
}

/** True if a start time that a process has recorded of itself is that of this one. */
export function startedAt({startTime, startSlack = 0}: Pick<ProcessInfo, 'startTime' | 'startSlack'>, recorded: number): boolean {
  return Math.abs(startTime - recorded) <= startSlack
}

/**
 * How long ago a process started, in ms: at least that long on Linux, where start times include the time that the machine slept and
 * CLOCK_MONOTONIC does not, and a container may show an uptime of its own. By the wall clock on macOS, as its start times are.
 */
export function ageMs(host: Door, {startTime}: Pick<ProcessInfo, 'startTime'>): number {
  return (isDarwin(host) ? host.nowMs() : sinceBootMs(host)) - startTime * START_UNIT_MS
}

/** ms since the boot, by a clock that goes on while the machine sleeps: CLOCK_BOOTTIME on Linux; on macOS node's own (mach_continuous_time). */
export function sinceBootMs(host: Door): number {
  if (isDarwin(host)) return host.monotonicMs()
  const uptimeMs = Number.parseFloat(host.readText('/proc/uptime') ?? '') * 1000
  return Math.max(host.monotonicMs(), Number.isNaN(uptimeMs) ? 0 : uptimeMs)
}

/** True for a process that has ended, whatever still stands in the process table. */
export function hasEnded(process: Pick<ProcessInfo, 'state'> & Partial<ProcessInfo>): boolean {
  return process.state === 'Z' || process.state === 'X'
}

/** True for a process that a signal or a debugger holds: it answers nothing until it is continued. */
export function isHeld(process: Pick<ProcessInfo, 'state'> & Partial<ProcessInfo>): boolean {
  return process.state === 'T' || process.state === 't'
}

function isDarwin(host: Door): boolean {
  return host.platform === 'darwin'
}
