import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {recordHead} from '../gateway/log-line.js'
import type {Door, Doors} from '../host/host.js'
import {
  currentFile,
  endOfLog,
  LogFollower,
  type LogMark,
  newestLines,
  numberedLog,
  readablePart,
  type RotatedLog,
} from '../host/log-file.js'
import type {LogReader, Manager, ManagerLine, ManagerLog} from '../managers/manager.js'
import type {Profile} from '../service/profile.js'
import type {Service} from '../service/service.js'
import {fileEntries, isFirst, type LogEntry, type PrintedLine, printedEntries} from './log-entry.js'

/** Whose logs: those of a home, and what its service's manager has, if it is asked. */
export interface LogTarget extends Doors {
  readonly profile: Profile
  readonly service?: Service
}

/** What is asked of the logs of a manager. */
export interface SourceOptions {
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  readonly withManagers: boolean
  /** So many lines are looked for; undefined if that cannot be said. */
  readonly lines: number | undefined
}

/** One log, from the moment on at which it was made. */
export interface LogSource {
  /** What it had then, newest first. */
  past(): Generator<LogEntry>
  /** What came in since, up to a moment, newest first; what goes on behind it comes with it. Each entry once. */
  news(arrivedByMs: number): LogEntry[]
  /** Starts a program whose lines are news; resolves with its exit status. Absent for what is a file. */
  readonly listen?: (signal: AbortSignal) => Promise<number>
}

const PAGE_LINES = 1000
const READ_TIMEOUT_MS = 10_000
/** Beyond as many as were asked for: some of them are in a file too. */
const SPARE_LINES = 20
/** Records among which the twin of a line without a time is looked for. */
const MOST_LOOKED_AT = 2000

/** Upstream's own files. */
export function fileSources(targets: readonly LogTarget[]): LogSource[] {
  return targets.flatMap(({userHost, host, profile}) => [
    new UpstreamSource(host, userHost, profile, 'gateway'),
    new UpstreamSource(host, userHost, profile, 'errors'),
  ])
}

/** What a manager has of some services of one account. */
export function managerSources(manager: Manager, targets: readonly LogTarget[], options: SourceOptions): LogSource[] {
  const services = targets.flatMap(({service}) => (service ? [service] : []))
  const profileOf = (name: string) => services.find((service) => service.name === name)?.profile.name ?? ''
  const [first] = targets
  if (!first || !manager.logs || services.length === 0) return []
  return manager.logs.of(services).map((log) => {
    const door = readerDoor(first, log)
    if (log.kind === 'program') return new ProgramSource(first.host, door, log, options, profileOf)
    return new PrintedFileSource(first.host, door, log, numberedLog(errorsLog(log.service.profile)), first.userHost)
  })
}

/** The door through which a manager's log is read. */
function readerDoor({host, userHost}: Doors, {reader}: {readonly reader: LogReader}): Door {
  return reader === 'machine' ? host : userHost
}

export const gatewayLog = ({home}: Pick<Profile, 'home'>): string => path.join(home, HomeFile.log)
const errorsLog = ({home}: Profile): string => path.join(home, HomeFile.errorsLog)

/** Lines that came in, each with when. */
class Arrivals<Line> {
  private lines: {readonly line: Line; readonly atMs: number}[] = []

  constructor(private readonly beginsEntry: (line: Line) => boolean) {}

  add(lines: readonly Line[], atMs: number): void {
    this.lines.push(...lines.map((line) => ({line, atMs})))
  }

  /** Oldest first; the last entry whole. */
  take(arrivedByMs: number): Line[] {
    let count = this.lines.findIndex(({line, atMs}) => atMs > arrivedByMs && this.beginsEntry(line))
    if (count < 0) count = this.lines.some(({atMs}) => atMs <= arrivedByMs) ? this.lines.length : 0
    return this.lines.splice(0, count).map(({line}) => line)
  }
}

/** A file of upstream's. Whatever stands in its place is read through the account's door. */
class UpstreamSource implements LogSource {
  private readonly log: RotatedLog
  private readonly end: LogMark | undefined
  private readonly follower: LogFollower
  private readonly arrivals = new Arrivals<string>((line) => recordHead(line, 0) !== undefined)

  constructor(
    private readonly host: Door,
    private readonly door: Door,
    private readonly profile: Profile,
    private readonly origin: 'gateway' | 'errors',
  ) {
    this.log = numberedLog(origin === 'gateway' ? gatewayLog(profile) : errorsLog(profile))
    this.end = endOfLog(door, this.log)
    this.follower = new LogFollower(door, this.log, this.end)
  }

  *past(): Generator<LogEntry> {
    if (this.end) yield* this.entries(newestLines(this.door, this.log, this.end))
  }

  news(arrivedByMs: number): LogEntry[] {
    this.arrivals.add(this.follower.read(), this.host.nowMs())
    return [...this.entries(this.arrivals.take(arrivedByMs).reverse())]
  }

  private entries(lines: Iterable<string>): Generator<LogEntry> {
    return fileEntries(lines, {
      origin: this.origin,
      profile: this.profile.name,
      notAfterMs: modifiedMs(this.door, currentFile(this.log)) ?? this.host.nowMs(),
    })
  }
}

/** A file of a manager's. */
class PrintedFileSource implements LogSource {
  private readonly end: LogMark | undefined
  private readonly follower: LogFollower
  private readonly arrivals = new Arrivals<PrintedLine>(isFirst)

  constructor(
    private readonly host: Door,
    private readonly door: Door,
    private readonly log: ManagerLog & {kind: 'files'},
    private readonly errors: RotatedLog,
    private readonly userHost: Door,
  ) {
    this.end = endOfLog(door, log.log)
    this.follower = new LogFollower(door, log.log, this.end)
  }

  *past(): Generator<LogEntry> {
    if (this.end) yield* printedEntries(this.timed(newestLines(this.door, this.log.log, this.end)))
  }

  news(arrivedByMs: number): LogEntry[] {
    const nowMs = this.host.nowMs()
    const lines = this.follower.read().map((line): PrintedLine => {
      const parsed = this.log.lineOf(line, nowMs)
      return {...parsed, timeMs: parsed.timeMs ?? nowMs, profile: this.profile}
    })
    this.arrivals.add(lines, nowMs)
    return [...printedEntries(this.arrivals.take(arrivedByMs).reverse())]
  }

  private get profile(): string {
    return this.log.service.profile.name
  }

  /**
   * A line without a time has that of its record in upstream's file, if there is one, which has all warnings. What else was printed is as old as what
   * stands behind it: the last words of a process are then those.
   */
  private *timed(lines: Iterable<string>): Generator<PrintedLine> {
    let timeMs = modifiedMs(this.door, currentFile(this.log.log)) ?? this.host.nowMs()
    let twins: TwinTimes | undefined
    for (const line of lines) {
      const parsed: ManagerLine = this.log.lineOf(line, timeMs)
      if (parsed.timeMs === undefined) {
        const head = recordHead(parsed.text, timeMs)
        if (head?.level !== undefined) {
          twins ??= new TwinTimes(
            fileEntries(newestLines(this.userHost, this.errors), {origin: 'errors', profile: this.profile, notAfterMs: timeMs}),
          )
          timeMs = twins.timeOf(head, timeMs) ?? timeMs
        }
      } else timeMs = parsed.timeMs
      yield {...parsed, timeMs, profile: this.profile}
    }
  }
}

/** When the records of a file were made, asked for the newest first. */
class TwinTimes {
  private looked: LogEntry[] = []

  constructor(private readonly entries: Iterator<LogEntry>) {}

  /** Undefined if there is none; then the next one is looked for from the same place on. */
  timeOf({logger, message}: {readonly logger: string | undefined; readonly message: string}, notAfterMs: number): number | undefined {
    for (let index = 0; index < MOST_LOOKED_AT; index += 1) {
      const known = this.looked[index]
      const next = known ? undefined : this.entries.next()
      const entry = known ?? (next?.done === false ? next.value : undefined)
      if (!entry) return undefined
      if (!known) this.looked.push(entry)
      if (entry.logger !== logger || entry.message !== message || entry.timeMs > notAfterMs) continue
      this.looked = this.looked.slice(index + 1)
      return entry.timeMs
    }
    return undefined
  }
}

function modifiedMs(door: Door, file: string): number | undefined {
  return readablePart(door, file, 0, 0)?.modifiedMs
}

/** What a program prints of a manager's log. */
class ProgramSource implements LogSource {
  private readonly arrivals = new Arrivals<PrintedLine>(isFirst)
  private readonly startMs: number
  private newestCursor: string | undefined

  constructor(
    private readonly host: Door,
    private readonly door: Door,
    private readonly log: ManagerLog & {kind: 'program'},
    private readonly options: SourceOptions,
    private readonly profileOf: (service: string) => string,
  ) {
    this.startMs = host.nowMs()
  }

  past(): Generator<LogEntry> {
    return printedEntries(this.pages())
  }

  /** In pages, so that no more is read than is asked for. */
  private *pages(): Generator<PrintedLine> {
    const {sinceMs, untilMs, withManagers, lines: wanted} = this.options
    const lines = Math.min(PAGE_LINES, wanted === undefined ? PAGE_LINES : wanted + SPARE_LINES)
    const {env} = this.log
    let afterCursor: string | undefined
    for (;;) {
      const from = afterCursor === undefined ? {sinceMs, untilMs} : {afterCursor}
      const {stdout} = this.door.read(this.log.command({lines, isReversed: true, withManagers, ...from}), {env, timeoutMs: READ_TIMEOUT_MS})
      let count = 0
      let last: string | undefined
      for (const printed of stdout.split('\n')) {
        const line = this.log.lineOf(printed)
        if (!line || line.cursor === afterCursor) continue
        this.newestCursor ??= line.cursor
        last = line.cursor
        count += 1
        if (sinceMs !== undefined && (line.timeMs ?? sinceMs) < sinceMs) return
        yield this.timed(line)
      }
      if (last === undefined || count < lines) return
      afterCursor = last
    }
  }

  news(arrivedByMs: number): LogEntry[] {
    return [...printedEntries(this.arrivals.take(arrivedByMs).reverse())]
  }

  async listen(signal: AbortSignal): Promise<number> {
    const {withManagers} = this.options
    const from = this.newestCursor === undefined ? {sinceMs: this.startMs} : {afterCursor: this.newestCursor}
    return this.door.attach(this.log.command({follow: true, withManagers, ...from}), {
      env: this.log.env,
      signal,
      onLine: (printed) => {
        const line = this.log.lineOf(printed)
        if (line) this.arrivals.add([this.timed(line)], this.host.nowMs())
      },
    })
  }

  private timed(line: ManagerLine & {readonly service: string}): PrintedLine {
    return {...line, timeMs: line.timeMs ?? this.host.nowMs(), profile: this.profileOf(line.service)}
  }
}
