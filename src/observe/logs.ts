import {LOG_LEVELS, type LogLevel} from '../gateway/log-line.js'
import type {Host} from '../host/host.js'
import type {Manager} from '../managers/manager.js'
import {NOTE_PREFIX} from '../service/service-helper.js'
import type {LogEntry} from './log-entry.js'
import {merged, TWIN_MS} from './log-merge.js'
import {fileSources, type LogSource, type LogTarget, managerSources} from './log-sources.js'

/** What is to be seen of the logs. Times in ms since the epoch. */
export interface LogWish {
  /** The newest entries alone; undefined: all. An entry is a line with what belongs to it, such as a traceback. */
  readonly lines?: number | undefined
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Nothing below it. What has no level counts as info; what hermes-svc says of starts and ends is always shown. */
  readonly level?: LogLevel | undefined
  /** One of an entry's lines has it. */
  readonly grep?: RegExp | undefined
  /** Also what the manager itself says. */
  readonly withManagers?: boolean
}

/** Of what is shown at once, in characters. */
const MOST_CHARACTERS = 64 * 1024 * 1024
/** What comes in later than another line is put before it, if that was written first; a process writes its files beside what it does. */
const SETTLE_MS = 500
const POLL_MS = 250

/** The logs of some services of one account, in one stream: the gateway's own files, and what its manager has. Reads only. */
export class Logs {
  private readonly sources: readonly LogSource[]
  private recent: readonly LogEntry[] = []

  constructor(
    private readonly host: Host,
    manager: Manager | undefined,
    targets: readonly LogTarget[],
    private readonly wish: LogWish,
  ) {
    const {sinceMs, untilMs, level, grep, withManagers = false} = wish
    const lines = level === undefined && grep === undefined ? wish.lines : undefined
    this.sources = [...fileSources(targets), ...(manager ? managerSources(manager, targets, {sinceMs, untilMs, withManagers, lines}) : [])]
  }

  /** What was there already, oldest first. `isCut`: there is more than can be shown at once, and its beginning is left out. */
  past(): {readonly entries: readonly LogEntry[]; readonly isCut: boolean} {
    const {lines, sinceMs = -Infinity, untilMs = Infinity} = this.wish
    const entries: LogEntry[] = []
    let left = MOST_CHARACTERS
    if (lines === 0) return {entries, isCut: false}
    for (const entry of merged(this.sources.map((source) => source.past()))) {
      if (entry.timeMs < sinceMs) break
      if (entry.timeMs > untilMs || !matches(entry, this.wish)) continue
      if ((left -= sizeOf(entry)) < 0) return {entries: entries.reverse(), isCut: true}
      entries.push(entry)
      if (entries.length === lines) break
    }
    this.recent = entries.filter(({timeMs}) => timeMs > this.host.nowMs() - 2 * TWIN_MS)
    return {entries: entries.reverse(), isCut: false}
  }

  /**
   * Shows what comes in, in its order, until `signal` is aborted, or a program that prints a manager's log was ended. Where one cannot print it, `lost` gets
   * its exit status, and what is left goes on.
   */
  async follow(show: (entry: LogEntry) => void, signal: AbortSignal, lost: (status: number) => void): Promise<void> {
    let isOver = false
    const listening = this.sources.map(async (source) => {
      const status = await source.listen?.(signal)
      if (status === undefined || signal.aborted) return
      if (status === 0 || status > 128) isOver = true
      else lost(status)
    })
    const isOn = () => !signal.aborted && !isOver
    while (isOn()) {
      this.showNews(show, this.host.nowMs() - SETTLE_MS)
      await this.host.sleep(POLL_MS, signal)
    }
    if (!signal.aborted) this.showNews(show, Infinity)
    await Promise.all(listening)
  }

  private showNews(show: (entry: LogEntry) => void, arrivedByMs: number): void {
    const nowMs = this.host.nowMs()
    const news = [
      ...merged(
        this.sources.map((source) => source.news(arrivedByMs)[Symbol.iterator]()),
        this.recent,
      ),
    ]
    this.recent = [...news, ...this.recent]
      .filter(({timeMs}) => timeMs > nowMs - 2 * TWIN_MS)
      .sort((one, other) => other.timeMs - one.timeMs)
    for (const entry of news.reverse()) if (matches(entry, this.wish)) show(entry)
  }
}

/** True if a manager's log has anything of these services that may be read, be it the manager's own words. */
export function hasManagersLog(manager: Manager, targets: readonly LogTarget[]): boolean {
  return managerSources(manager, targets, {withManagers: true, lines: 1}).some((source) => source.past().next().done === false)
}

function matches({level, message, more}: LogEntry, {level: least, grep}: LogWish): boolean {
  const isLoud = least === undefined || message.startsWith(NOTE_PREFIX) || rank(level ?? 'info') >= rank(least)
  return isLoud && (grep === undefined || grep.test(message) || more.some((line) => grep.test(line)))
}

const rank = (level: LogLevel): number => LOG_LEVELS.indexOf(level)

function sizeOf({message, more}: LogEntry): number {
  return more.reduce((sum, line) => sum + line.length + 1, message.length + 1)
}
