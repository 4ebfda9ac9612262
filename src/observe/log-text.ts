import type {LogEntry} from './log-entry.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The time of day of this machine as journalctl(1) and syslog have it, e.g. `Nov 29 14:01:02`. */
export function shortTime(ms: number): string {
  const time = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = String(time.getDate()).padStart(2)
  return `${MONTHS[time.getMonth()]} ${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

/** An entry as people read it: the time, the level and who says it, and below it what belongs to it. */
export function entryLines({timeMs, level, logger, session, message, more}: LogEntry, profile?: string): string[] {
  const record = logger === undefined ? [] : [level?.toUpperCase(), session && `[${session}]`, `${logger}:`].filter(Boolean)
  const head = [shortTime(timeMs), ...(profile === undefined ? [] : [profile]), ...record, message].join(' ')
  return [head, ...more.map((line) => `    ${line}`)]
}

/** An entry as `logs --json` prints it: one object of the schema log-line. */
export function entryJson({timeMs, origin, profile, level, logger, session, message, more}: LogEntry): object {
  return {
    time: new Date(timeMs).toISOString(),
    profile,
    origin,
    level: level ?? null,
    logger: logger ?? null,
    session: session ?? null,
    message,
    more,
  }
}
