import {isAbsolute} from 'node:path'
import {type Host, HostError} from '../host/host.js'

/** One process as the kernel shows it. */
export interface ProcessInfo {
  readonly pid: number
  /** One letter, proc(5): R running, S sleeping, D disk sleep, T stopped, t traced, Z zombie, X dead, I idle. */
  readonly state: string
  readonly parentPid: number
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  readonly startTime: number
  readonly uid: number | undefined
  readonly argv: readonly string[]
  /** HERMES_HOME in its environment, links resolved; undefined if unset or blank, or if the environment may not be read. */
  readonly home: string | undefined
  /** Control group path (cgroups(7), v2), undefined if it cannot be read. */
  readonly cgroup: string | undefined
}

/** Looks a process up in /proc; undefined if there is none, or none that this user may see (`isHidden` tells). */
export function readProcess(host: Host, pid: number): ProcessInfo | undefined {
  const stat = parseStat(readableText(host, `/proc/${pid}/stat`))
  if (!stat) return undefined
  return {
    pid,
    ...stat,
    uid: host.stat(`/proc/${pid}`)?.uid,
    argv: (readableText(host, `/proc/${pid}/cmdline`) ?? '')
      .replace(/\0$/, '')
      .split('\0')
      .filter((word, index) => index > 0 || word !== ''),
    home: homeOf(host, readableText(host, `/proc/${pid}/environ`)),
    cgroup: controlGroup(readableText(host, `/proc/${pid}/cgroup`)),
  }
}

/** True if there is a process of that pid which /proc does not show to this user (hidepid=, proc(5)). */
export function isHidden(host: Host, pid: number): boolean {
  try {
    return host.signal(pid, 0)
  } catch (error) {
    if (error instanceof HostError) return error.code === 'EPERM'
    throw error
  }
}

/** Parses /proc/<pid>/stat. The command name may hold spaces and parentheses, so fields count from the last ")". */
export function parseStat(text: string | undefined): Pick<ProcessInfo, 'state' | 'parentPid' | 'startTime'> | undefined {
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parentPid, startTime] = [fields[0], Number(fields[1]), Number(fields[19])]
  if (!state || !Number.isInteger(parentPid) || !Number.isInteger(startTime)) return undefined
  return {state, parentPid, startTime}
}

/** True for a process that has ended, whatever still stands in the process table. */
export function hasEnded(process: Pick<ProcessInfo, 'state'> & Partial<ProcessInfo>): boolean {
  return process.state === 'Z' || process.state === 'X'
}

/** True for a process that a signal or a debugger holds: it answers nothing until it is continued. */
export function isHeld(process: Pick<ProcessInfo, 'state'> & Partial<ProcessInfo>): boolean {
  return process.state === 'T' || process.state === 't'
}

/**
 * Upstream's rule for a gateway's command line, by whole words: a program named `hermes`, or a word with hermes_cli (module or file) in it
 * (a launcher may name it in the script that it passes with -c), then `gateway` followed by `run`, by nothing, or by `restart` (hosts
 * without a supervisor run it inside that); or a `hermes-gateway` program.
 */
export function isGatewayCommandLine(argv: readonly string[]): boolean {
  const words = withoutProfileFlag(argv)
  if (words.some((word) => baseName(word) === 'hermes-gateway' || word.endsWith('gateway/run.py'))) return true
  const launcher = words.findIndex(
    (word) => word.includes('hermes_cli.main') || word.includes('hermes_cli/main.py') || baseName(word) === 'hermes',
  )
  if (launcher < 0) return false
  const gateway = words.indexOf('gateway', launcher + 1)
  if (gateway < 0) return false
  const verb = words.slice(gateway + 1).find((word) => !word.startsWith('-'))
  return verb === undefined || verb === 'run' || verb === 'restart'
}

/** The profile that a command line names with -p or --profile, by whole words; undefined if it names none. */
export function profileOfCommandLine(argv: readonly string[]): string | undefined {
  for (const [index, word] of argv.entries()) {
    if (word === '-p' || word === '--profile') return argv[index + 1]
    const joined = /^(?:-p|--profile)=(.*)$/.exec(word)
    if (joined) return joined[1]
  }
  return undefined
}

/** HERMES_HOME of an environment as /proc shows it, as upstream understands it: blank is unset. */
function homeOf(host: Host, environment: string | undefined): string | undefined {
  const entry = environment?.split('\0').find((variable) => variable.startsWith('HERMES_HOME='))
  const home = entry?.slice('HERMES_HOME='.length).trim()
  if (!home) return undefined
  try {
    return (isAbsolute(home) ? host.realPath(home) : undefined) ?? home
  } catch (error) {
    if (error instanceof HostError) return home
    throw error
  }
}

function withoutProfileFlag(argv: readonly string[]): string[] {
  return argv.filter((word, index) => !/^(-p|--profile)(=|$)/.test(word) && !['-p', '--profile'].includes(argv[index - 1] ?? ''))
}

function baseName(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1)
}

function controlGroup(text: string | undefined): string | undefined {
  const lines = text?.split('\n') ?? []
  const unified = lines.find((line) => line.startsWith('0::'))?.slice(3)
  // On a host with both hierarchies systemd's own is the named one; where that is there and not used, all is at its root.
  const named = lines.find((line) => line.includes(':name=systemd:'))?.replace(/^\d+:name=systemd:/, '')
  return named === undefined || named === '/' ? (unified ?? named) : named
}

function readableText(host: Host, path: string): string | undefined {
  try {
    return host.readText(path)
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}
