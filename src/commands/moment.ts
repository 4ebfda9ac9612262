import {usageError} from '../errors.js'
import {parseDurationMs} from './duration.js'

/** The longest way back that a duration can be. */
const MOST_MS = 10 * 365 * 24 * 3_600_000
const UNITS: Readonly<Record<string, string>> = {second: 's', sec: 's', minute: 'm', min: 'm', hour: 'h', day: 'd', week: 'w'}
const DAY = /^(\d{4})-(\d{1,2})-(\d{1,2})$/
const CLOCK = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,3})\d*)?)?$/
const ZONE = /(?:Z|[+-]\d\d:?\d\d)$/

/**
 * A moment as `--since` takes it, in ms since the epoch: how long ago (`1h`, `2d`, `90 seconds ago`), or when by this machine's clock (`14:30`, `2026-11-22`,
 * `2026-11-22 10:00`, `yesterday`), or with a zone as in RFC 3339. Throws a usage error for anything else.
 */
export function parseMoment(text: string, flag: string, nowMs: number): number {
  const words = text.trim().toLowerCase()
  const today = new Date(nowMs)
  const midnight = (days = 0) => new Date(today.getFullYear(), today.getMonth(), today.getDate() + days).getTime()
  if (words === 'now') return nowMs
  if (words === 'today') return midnight()
  if (words === 'yesterday') return midnight(-1)
  const moment =
    ago(words, flag, nowMs) ??
    epoch(words) ??
    (ZONE.test(text.trim()) ? Date.parse(text.trim().replace(' ', 'T')) : clockTime(words, today))
  if (moment !== undefined && Number.isFinite(moment)) return moment
  throw usageError(
    `${flag} ${JSON.stringify(text)}: must be how long ago, such as 1h, 30m or 2d, or a time, such as 14:30, yesterday, 2026-11-22 or "2026-11-22 10:00"`,
  )
}

function ago(words: string, flag: string, nowMs: number): number | undefined {
  const [, long, unit = ''] = /^(\d{1,7}) ?([a-z]+?)s? ago$/.exec(words) ?? []
  const short = long === undefined ? /^-?(\d{1,7}(?:ms|s|m|h|d|w))$/.exec(words)?.[1] : UNITS[unit] && `${long}${UNITS[unit]}`
  return short === undefined ? undefined : nowMs - parseDurationMs(short, {flag, leastMs: 0, mostMs: MOST_MS})
}

function epoch(words: string): number | undefined {
  const [, seconds] = /^@(\d{1,11}(?:\.\d{1,6})?)$/.exec(words) ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

function clockTime(words: string, today: Date): number | undefined {
  const [first = '', second] = words.split(/[ t]/)
  const [, year, month, day] = DAY.exec(first) ?? []
  const clock = year === undefined ? first : (second ?? '00:00')
  const [, hour, minute, seconds = '0', ms = '0'] = CLOCK.exec(clock) ?? []
  if (hour === undefined || (year === undefined && second !== undefined)) return undefined
  const date =
    year === undefined ? [today.getFullYear(), today.getMonth(), today.getDate()] : [Number(year), Number(month) - 1, Number(day)]
  const [y = 0, m = 0, d = 0] = date
  const time = new Date(y, m, d, Number(hour), Number(minute), Number(seconds), Number(ms.padEnd(3, '0')))
  // What is no day or time of day, such as a 31st of June, comes out as another one.
  const isSame =
    time.getMonth() === m && time.getDate() === d && time.getMinutes() === Number(minute) && time.getSeconds() === Number(seconds)
  return isSame && Number(hour) < 24 ? time.getTime() : undefined
}
