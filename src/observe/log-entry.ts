import {type LogLevel, type RecordHead, recordHead} from '../gateway/log-line.js'
import type {ManagerLine} from '../managers/manager.js'
import {NOTE_PREFIX} from '../service/service-helper.js'

/** Of which log an entry is: the gateway's own, that of all its programs' warnings, what the service printed, what the manager says of it. */
export type LogOrigin = 'gateway' | 'errors' | 'service' | 'manager'

/** What a log says at one moment: its first line, and those that belong to it, such as a traceback's. */
export interface LogEntry {
  /** Ms since the epoch; where the log has no times, that of what stands behind it. */
  readonly timeMs: number
  readonly origin: LogOrigin
  readonly profile: string
  readonly level: LogLevel | undefined
  readonly logger: string | undefined
  readonly session: string | undefined
  readonly message: string
  readonly more: readonly string[]
  /** Of lines that were printed, when each of `more` came in. */
  readonly moreMs?: readonly number[]
}

/** Lines of one entry, at most; what goes beyond it is an entry of its own. */
const MOST_LINES = 2000
/** Lines that a process prints in one go come in within this time. */
export const ONE_GO_MS = 1000

/** Where records are read: newest first, in the zone of this machine. */
export interface RecordOptions {
  readonly origin: LogOrigin
  readonly profile: string
  /** None was written after that. */
  readonly notAfterMs: number
}

/** The records of one of upstream's files by its lines, both newest first. Lines without a record before them are entries by themselves. */
export function* fileEntries(lines: Iterable<string>, {origin, profile, notAfterMs}: RecordOptions): Generator<LogEntry> {
  let newestMs = notAfterMs
  let more: string[] = []
  const headless = () => plainEntries({timeMs: newestMs, origin, profile}, more.splice(0).reverse()).reverse()
  for (const line of lines) {
    const head = recordHead(line, newestMs)
    if (head?.timeMs === undefined) {
      more.push(line)
      if (more.length >= MOST_LINES) yield* headless()
      continue
    }
    newestMs = head.timeMs
    yield {...head, timeMs: head.timeMs, origin, profile, more: more.reverse()}
    more = []
  }
  yield* headless()
}

/** A line that was printed, and of whom. */
export interface PrintedLine extends ManagerLine {
  readonly timeMs: number
  readonly profile: string
}

/**
 * What a manager's log has of services, newest first. The lines that a process printed in one go behind the first line of a record stay with it for now:
 * which of them are the record's is told by its twin in a file, else `settled` tells it.
 */
export function* printedEntries(lines: Iterable<PrintedLine>): Generator<LogEntry> {
  const goes = new Map<string, PrintedLine[]>()
  for (const line of lines) {
    for (const go of goes.values()) {
      if (go.length === 0) continue
      // Newest first.
      const within = go.length >= MOST_LINES ? -1 : go.findIndex(({timeMs}) => timeMs - line.timeMs <= ONE_GO_MS)
      if (within !== 0) yield* withoutHead(go.splice(0, within < 0 ? go.length : within))
    }
    const key = `${line.profile} ${line.pid ?? ''}`
    const go = goes.get(key) ?? []
    goes.set(key, go)
    if (line.isManagers) yield printedEntry(line, [])
    else if (isFirst(line)) yield printedEntry(line, go.splice(0).reverse())
    else go.push(line)
  }
  yield* withoutHead([...goes.values()].flat().sort((one, other) => other.timeMs - one.timeMs))
}

/** Lines without the first one of a record, newest first. */
function withoutHead(lines: readonly PrintedLine[]): LogEntry[] {
  return groupsOf([...lines].reverse())
    .map(([first, ...rest]) => printedEntry(first as PrintedLine, rest))
    .reverse()
}

/** Nothing before it is of the same record. */
export function isFirst({text, timeMs, isManagers}: PrintedLine): boolean {
  return isManagers || text.startsWith(NOTE_PREFIX) || recordHead(text, timeMs)?.level !== undefined
}

function printedEntry(line: PrintedLine, rest: readonly PrintedLine[]): LogEntry {
  const {profile, isManagers, text, timeMs} = line
  const head: RecordHead | undefined = isManagers ? undefined : recordHead(text, timeMs)
  const more = rest.map((one) => one.text)
  const moreMs = rest.map((one) => one.timeMs)
  const plain = {
    moreMs,
    ...{timeMs, profile, origin: isManagers ? ('manager' as const) : ('service' as const)},
    level: levelOfPlain([text, ...more]),
  }
  if (!head) return {...plain, logger: undefined, session: undefined, message: text, more}
  return {...plain, ...head, timeMs: head.timeMs ?? timeMs, level: head.level ?? plain.level, more}
}

/** What a process printed as it is shown: a record with what belongs to it, and then what else it printed, in this order. */
export function settled(entry: LogEntry): LogEntry[] {
  if (entry.origin !== 'service' || entry.more.length === 0) return [entry]
  const isRecord = entry.logger !== undefined
  const [own = [], ...others] = groupsOf(timedLines(entry), isRecord)
  const head: LogEntry = {...entry, more: own.slice(1).map(({text}) => text), moreMs: own.slice(1).map(({timeMs}) => timeMs)}
  return [
    isRecord ? head : {...head, level: levelOfPlain([head.message, ...head.more])},
    ...others.map((lines) => unrecorded(entry, lines)),
  ]
}

/** What was printed behind the first `count` lines of an entry; undefined if nothing was. */
export function behind(entry: LogEntry, count: number): LogEntry | undefined {
  const lines = timedLines(entry).slice(count + 1)
  return lines.length === 0 ? undefined : unrecorded(entry, lines)
}

interface TimedLine {
  readonly text: string
  readonly timeMs: number
}

function timedLines({message, timeMs, more, moreMs}: LogEntry): TimedLine[] {
  return [{text: message, timeMs}, ...more.map((text, index) => ({text, timeMs: moreMs?.[index] ?? timeMs}))]
}

function unrecorded(of: LogEntry, lines: readonly TimedLine[]): LogEntry {
  const [first, ...rest] = lines
  const plain = plainEntry(
    {...of, timeMs: first?.timeMs ?? of.timeMs},
    lines.map(({text}) => text),
  )
  return {...plain, moreMs: rest.map(({timeMs}) => timeMs)}
}

/** Lines that were printed without a record, in their order. */
function plainEntries(of: Pick<LogEntry, 'timeMs' | 'origin' | 'profile'>, lines: readonly string[]): LogEntry[] {
  return groupsOf(lines.map((text) => ({text}))).map((group) =>
    plainEntry(
      of,
      group.map(({text}) => text),
    ),
  )
}

function plainEntry({timeMs, origin, profile}: Pick<LogEntry, 'timeMs' | 'origin' | 'profile'>, lines: readonly string[]): LogEntry {
  const [message = '', ...more] = lines
  return {timeMs, origin, profile, level: levelOfPlain(lines), logger: undefined, session: undefined, message, more}
}

const TRACEBACK = 'Traceback (most recent call last):'

/** What nobody gave a level has none, but for a traceback: that is why something ended. */
function levelOfPlain(lines: readonly string[]): LogLevel | undefined {
  return lines.includes(TRACEBACK) ? 'error' : undefined
}

/** Lines in groups that belong together: what is indented stays with what stands before it, and a traceback with all that is its own. */
function groupsOf<Line extends {readonly text: string}>(lines: readonly Line[], isRecord = false): Line[][] {
  const groups: Line[][] = []
  let traceback: 'none' | 'frames' | 'over' = 'none'
  for (const line of lines) {
    const {text} = line
    const isIndented = /^\s+\S/.test(text)
    // What Python says between the tracebacks of one exception that led to another has blank lines around it.
    const isBetween = traceback === 'over' && (text.trim() === '' || /^(?:During handling of|The above exception was) /.test(text))
    const isTraceback = text === TRACEBACK
    const isRecords = isRecord && groups.length === 1
    const isNext = isTraceback ? isRecords || traceback === 'over' : isIndented || isBetween
    const belongs = groups.length > 0 && (isNext || traceback === 'frames')
    if (belongs) groups.at(-1)?.push(line)
    else groups.push([line])
    if (isTraceback) traceback = 'frames'
    else if (traceback === 'frames' && !isIndented) traceback = 'over'
    else if (!belongs) traceback = 'none'
  }
  return groups
}
