import type {ProcessEntry, ProcessInfo} from './process-info.js'
import path from 'node:path'
import {GatewayVariable} from './contract.js'
import {doorOfUid} from '../host/account-door.js'
import {type Door, HostError} from '../host/host.js'
import {isGatewayCommandLine} from './command-line.js'

const PS = '/bin/ps'
/** Each with an -o of its own: what follows "=" is the header, to the end of the word (ps(1)). The command comes last, as it has blanks. */
const COLUMNS = ['pid', 'ppid', 'uid', 'state', 'lstart', 'command'].flatMap((keyword) => ['-o', `${keyword}=`])
const TIMEOUT_MS = 10_000
/** ps tells starts to the second, cut off; the gateway records its own in hundredths, rounded. */
const START_SLACK = 200
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MAX_PIDS = 500
/** The variable of a home in what ps prints of an environment, up to the next one. */
const HOME_IN_PS = new RegExp(`\\s${GatewayVariable.home}=(.*?)(?=\\s[A-Za-z_][A-Za-z0-9_]*=|$)`, 'g')

/** The environment in which the system's own tools print what can be read: English, and times in UTC. */
export const TOOL_ENVIRONMENT: Readonly<Record<string, string>> = {PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC0'}

/** Looks processes up by ps(1), however many by one call, and by one more if there are gateways among them. */
export function readDarwinProcesses(host: Door, pids: readonly number[]): ProcessInfo[] {
  const found: ProcessInfo[] = []
  for (let start = 0; start < pids.length; start += MAX_PIDS) {
    const some = pids.slice(start, start + MAX_PIDS)
    found.push(...withHomes(host, parsePs(ps(host, ['-ww', ...COLUMNS, '-p', some.join(',')]))))
  }
  return found
}

/** All processes, and those with a gateway's command line in full. */
export function readDarwinTable(host: Door): {entries: ProcessEntry[]; gateways: ProcessInfo[]} {
  const all = parsePs(ps(host, ['-A', '-ww', ...COLUMNS]))
  return {
    entries: all.map(({pid, state, parentPid, startTime}) => ({pid, state, parentPid, startTime, startSlack: START_SLACK})),
    gateways: withHomes(
      host,
      all.filter(({argv}) => isGatewayCommandLine(argv)),
    ),
  }
}

/** The pids of all processes, each with that of its parent. */
export function darwinParents(host: Door): ReadonlyMap<number, number> {
  const rows = ps(host, ['-A', '-o', 'pid=', '-o', 'ppid=']).matchAll(/^[ \t]*(\d+)[ \t]+(\d+)[ \t]*$/gm)
  return new Map([...rows].map(([, pid, parentPid]) => [Number(pid), Number(parentPid)]))
}

/** The name of a process's program. */
export function darwinName(host: Door, pid: number): string | undefined {
  const program = ps(host, ['-o', 'comm=', '-p', String(pid)]).trim()
  return program === '' ? undefined : program.slice(program.lastIndexOf('/') + 1)
}

/** See `residentBytes`. ps(1) counts `rss` in KiB. */
export function darwinResidentBytes(host: Door, pid: number): number | undefined {
  const shown = ps(host, ['-o', 'rss=', '-p', String(pid)]).trim()
  return /^\d+$/.test(shown) ? Number(shown) * 1024 : undefined
}

/** A row of ps with all that it tells of a process. */
type Row = Omit<ProcessInfo, 'home' | 'isHomeHidden'>

/**
 * Parses what `ps -o pid= -o ppid= -o uid= -o state= -o lstart= -o command=` prints in the C locale and UTC, e.g.
 * `  501     1   501 S    Sun Nov 22 08:39:25 2026     /usr/bin/python3 -m …`. Words of a command with blanks are several. A pid that is
 * shown twice is left out: an argument with a line break can look like a row.
 */
export function parsePs(text: string): Row[] {
  const rows = new Map<number, Row | undefined>()
  for (const line of text.split('\n')) {
    const match =
      /^\s*(\d+)\s+(\d+)\s+(-?\d+)\s+([A-Z?])\S*\s+[A-Z][a-z]{2}\s+([A-Z][a-z]{2})\s+(\d+)\s+(\d+):(\d+):(\d+)\s+(\d{4})(?:\s+(.*))?$/.exec(
        line,
      )
    if (!match) continue
    const [, pid, parentPid, uid, state = '', month = '', day, hours, minutes, seconds, year, command = ''] = match
    const startMs = Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hours), Number(minutes), Number(seconds))
    const key = Number(pid)
    const row: Row = {
      pid: key,
      parentPid: Number(parentPid),
      uid: Number(uid),
      state,
      startTime: startMs / 10,
      startSlack: START_SLACK,
      argv: command.split(/\s+/).filter(Boolean),
      cgroup: undefined,
    }
    rows.set(key, rows.has(key) ? undefined : row)
  }
  return [...rows.values()].filter((row) => row !== undefined)
}

/** Adds what the environments of gateways say of their homes, where they may be seen: one's own, and root sees all but the system's. */
function withHomes(host: Door, rows: readonly Row[]): ProcessInfo[] {
  const {uid} = host.account
  const shown = rows.filter((row) => isGatewayCommandLine(row.argv) && (uid === 0 || uid === row.uid))
  const pids = shown.map(({pid}) => pid).join(',')
  const texts =
    shown.length === 0 ? new Map<number, string>() : parseCommands(ps(host, ['-E', '-ww', '-o', 'pid=', '-o', 'command=', '-p', pids]))
  return rows.map((row) => {
    const environment = environmentOf(texts.get(row.pid), row.argv)
    return {...row, ...(environment === undefined ? {home: undefined, isHomeHidden: true} : homeOf(doorOfUid(host, row.uid), environment))}
  })
}

function parseCommands(text: string): Map<number, string> {
  const rows = text.matchAll(/^[ \t]*(\d+)[ \t]+(.*)$/gm)
  return new Map([...rows].map(([, pid, command = '']) => [Number(pid), command]))
}

/** What `ps -E` shows after the command; undefined if it shows nothing, or another command by now. */
function environmentOf(text: string | undefined, argv: readonly string[]): string | undefined {
  const words = text?.split(/\s+/) ?? []
  if (words.length <= argv.length || argv.some((word, index) => words[index] !== word)) return undefined
  let rest = text ?? ''
  for (const word of argv) rest = rest.slice(rest.indexOf(word) + word.length)
  return rest
}

/**
 * HERMES_HOME of an environment as ps prints it: variables with blanks between them, which values can hold too. So a value goes to the next
 * blank with a name and "=", and one that is not the path of something there was not read right.
 */
function homeOf(door: Door | undefined, environment: string): Pick<ProcessInfo, 'home' | 'isHomeHidden'> {
  const values = [...environment.matchAll(HOME_IN_PS)].map(([, value = '']) => value.trim())
  if (values.every((value) => value === '')) return {home: undefined}
  const [value = ''] = values
  if (values.length > 1 || !path.isAbsolute(value)) return {home: undefined, isHomeHidden: true}
  try {
    const home = door ? door.realPath(value) : value
    return home === undefined ? {home, isHomeHidden: true} : {home}
  } catch (error) {
    if (error instanceof HostError) return {home: undefined, isHomeHidden: true}
    throw error
  }
}

/** ps ends with 1 where there is no such process. */
function ps(host: Door, args: readonly string[]): string {
  return host.read([PS, ...args], {env: TOOL_ENVIRONMENT, timeoutMs: TIMEOUT_MS}).stdout
}
