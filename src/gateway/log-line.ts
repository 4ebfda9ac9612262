/**
 * Lines of upstream's logs. In its files (hermes_logging.py) `2026-11-29 14:01:02,345 WARNING [session] gateway.run: …`, the time that of its own clock
 * and zone, without a word on which that is; on its stderr warnings alone, since 0.20 in the same form, before that without the time. What a record says in
 * further lines, a traceback above all, has none of this.
 */

/** From the least on. @holds 0.10 hermes_logging.py */
export const LOG_LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The first line of a record. */
export interface RecordHead {
  /** Ms since the epoch; undefined where it has no time. */
  readonly timeMs: number | undefined
  readonly level: LogLevel | undefined
  readonly logger: string | undefined
  readonly session: string | undefined
  readonly message: string
}

const STAMP = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)[,.](\d{3})\d{0,6} {1,2}(.*)$/s
const RECORD = /^(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: \[([^\]]{1,200})\])? (\S{1,200}): (.*)$/s

/**
 * What the first line of a record says; undefined for any other. `notAfterMs`: it was written before that, by which the hour that a clock shows twice in
 * autumn is told from the one before.
 */
export function recordHead(line: string, notAfterMs: number): RecordHead | undefined {
  const stamped = stampedLine(line, notAfterMs)
  const text = stamped?.text ?? line
  const [, level, session, logger, message = ''] = RECORD.exec(text) ?? []
  if (level !== undefined) return {timeMs: stamped?.timeMs, level: level.toLowerCase() as LogLevel, logger, session, message}
  return stamped && {timeMs: stamped.timeMs, level: undefined, logger: undefined, session: undefined, message: text}
}

/** A line that begins with a local time, as upstream writes it, and s6-log (its T). */
export function stampedLine(line: string, notAfterMs: number): {readonly timeMs: number; readonly text: string} | undefined {
  const [, year, month, day, hour, minute, second, ms, text = ''] = STAMP.exec(line) ?? []
  if (year === undefined) return undefined
  const fields = [year, month, day, hour, minute, second, ms].map(Number) as [number, number, number, number, number, number, number]
  const timeMs = localTime(fields, notAfterMs)
  return Number.isNaN(timeMs) ? undefined : {timeMs, text}
}

/** By the zone of this machine. `fields`: year, month from 1 on, day, hour, minute, second, ms. */
function localTime([year, month, ...rest]: readonly [number, number, ...number[]], notAfterMs: number): number {
  const [day = 1, hour = 0, minute = 0, second = 0, ms = 0] = rest
  const first = new Date(year, month - 1, day, hour, minute, second, ms)
  // The same time of day once more, where the clock was set back.
  const again = new Date(first.getTime() + HOUR_MS)
  const isTwice = again.getHours() === first.getHours() && again.getMinutes() === first.getMinutes()
  return isTwice && again.getTime() <= notAfterMs ? again.getTime() : first.getTime()
}

const HOUR_MS = 3_600_000
