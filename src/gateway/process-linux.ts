import type {ProcessEntry, ProcessInfo} from './process-info.js'
import path from 'node:path'
import {GatewayVariable} from './contract.js'
import {doorOfUid} from '../host/account-door.js'
import type {AccountHost, Door} from '../host/host.js'
import {readIfAllowed, realPathIfAllowed} from '../host/tolerant-read.js'
import {isGatewayCommandLine} from './command-line.js'

/**
 * Looks a process up in /proc (proc(5)); undefined if there is none, or none that this user may see. Reading fails with ESRCH where it has
 * ended since its folder was found, with EACCES where it is not shown to this user. `userHost`: sees what only its own user may.
 */
export function readLinuxProcess(host: Door, pid: number, userHost?: AccountHost): ProcessInfo | undefined {
  const stat = parseStat(readIfAllowed(host, `/proc/${pid}/stat`))
  if (!stat) return undefined
  const uid = host.stat(`/proc/${pid}`)?.uid
  return {
    pid,
    ...stat,
    uid,
    argv: (readIfAllowed(host, `/proc/${pid}/cmdline`) ?? '')
      .replace(/\0$/, '')
      .split('\0')
      .filter((word, index) => index > 0 || word !== ''),
    // Root without CAP_SYS_PTRACE, as in a container, may not look at it; its own user may.
    home: homeOf(
      userHost ?? doorOfUid(host, uid),
      readIfAllowed(host, `/proc/${pid}/environ`) ?? (userHost && readIfAllowed(userHost, `/proc/${pid}/environ`)),
    ),
    cgroup: controlGroup(readIfAllowed(host, `/proc/${pid}/cgroup`)),
  }
}

/** All processes that /proc shows, and those with a gateway's command line in full. One that ends meanwhile is left out. */
export function readLinuxTable(host: Door): {entries: ProcessEntry[]; gateways: ProcessInfo[]} {
  const entries: ProcessEntry[] = []
  const gateways: ProcessInfo[] = []
  for (const name of host.list('/proc') ?? []) {
    if (!/^\d+$/.test(name)) continue
    const pid = Number(name)
    const stat = parseStat(readIfAllowed(host, `/proc/${name}/stat`))
    if (!stat) continue
    entries.push({pid, ...stat})
    const argv = readIfAllowed(host, `/proc/${name}/cmdline`)
    if (!argv || !isGatewayCommandLine(argv.replace(/\0$/, '').split('\0'))) continue
    const info = readLinuxProcess(host, pid)
    if (info) gateways.push(info)
  }
  return {entries, gateways}
}

/** The pid of a process's parent; undefined if it is not shown. */
export function linuxParent(host: Door, pid: number): number | undefined {
  return parseStat(readIfAllowed(host, `/proc/${pid}/stat`))?.parentPid
}

/** See `residentBytes`. proc_pid_status(5): VmRSS, in KiB. */
export function linuxResidentBytes(host: Door, pid: number): number | undefined {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readIfAllowed(host, `/proc/${pid}/status`) ?? '') ?? []
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

/** What a process calls itself (proc_pid_comm(5)). */
export function linuxName(host: Door, pid: number): string | undefined {
  return readIfAllowed(host, `/proc/${pid}/comm`)?.trim()
}

/** The environment that a process was started with, `NAME=value` each; none where it is not shown to its own user. */
export function linuxEnvironment(userHost: AccountHost, pid: number): string[] {
  return (readIfAllowed(userHost, `/proc/${pid}/environ`) ?? '').split('\0').filter((entry) => entry !== '')
}

/** Parses /proc/<pid>/stat. The command name may hold spaces and parentheses, so fields count from the last ")". */
export function parseStat(text: string | undefined): Pick<ProcessInfo, 'state' | 'parentPid' | 'startTime'> | undefined {
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parentPid, startTime] = [fields[0], Number(fields[1]), Number(fields[19])]
  if (!state || !Number.isInteger(parentPid) || !Number.isInteger(startTime)) return undefined
  return {state, parentPid, startTime}
}

/** HERMES_HOME of an environment as /proc shows it, as upstream understands it: blank is unset. `door`: with the eyes of whoever set it. */
function homeOf(door: Door | undefined, environment: string | undefined): string | undefined {
  const entry = environment?.split('\0').find((variable) => variable.startsWith(`${GatewayVariable.home}=`))
  const home = entry?.slice(`${GatewayVariable.home}=`.length).trim()
  if (!home) return undefined
  return door && path.isAbsolute(home) ? realPathIfAllowed(door, home) : home
}

function controlGroup(text: string | undefined): string | undefined {
  const lines = text?.split('\n') ?? []
  const unified = lines.find((line) => line.startsWith('0::'))?.slice(3)
  // On a host with both hierarchies systemd's own is the named one; where that is there and not used, all is at its root.
  const named = lines.find((line) => line.includes(':name=systemd:'))?.replace(/^\d+:name=systemd:/, '')
  return named === undefined || named === '/' ? (unified ?? named) : named
}
