/** Values of gateway_state.json as the Python programs that share the file understand them. */

/** Longer ones are refused by CPython (sys.int_info.default_max_str_digits). */
const MOST_CHARACTERS = 4300

/**
 * Python's `int(value)` of a value that came from JSON; undefined where it raises, and for digits of other scripts, which no gateway writes. Texts
 * are decimal, with a sign, single underscores between digits and white space around; floats lose their fraction. Beyond 2^53 the result is not exact.
 */
export function pythonInt(value: unknown): number | undefined {
  if (typeof value === 'boolean') return Number(value)
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : undefined
  const isInteger = typeof value === 'string' && value.length <= MOST_CHARACTERS && /^[\t-\r ]*[+-]?\d+(?:_\d+)*[\t-\r ]*$/.test(value)
  return isInteger ? Number(value.trim().replaceAll('_', '')) : undefined
}

/** ISO 8601: a calendar date and a time, each extended or basic, with any one character between them. */
const TIMESTAMP = new RegExp(
  [
    /^(?:(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)|(?<year2>\d{4})(?<month2>\d\d)(?<day2>\d\d))[^]/,
    /(?<hour>\d\d)(?:(?<colon>:?)(?<minute>\d\d)(?:\k<colon>(?<second>\d\d)(?:[.,](?<fraction>\d+))?)?)?/,
    /(?:Z|(?<sign>[+-])(?<zoneHour>\d\d)(?:(?<zoneColon>:?)(?<zoneMinute>\d\d)(?:\k<zoneColon>(?<zoneSecond>\d\d)(?:[.,](?<zoneFraction>\d+))?)?)?)$/,
  ]
    .map(({source}) => source)
    .join(''),
  'u',
)

/**
 * The moment of a timestamp with a zone, in microseconds since the epoch, as Python's `datetime.fromisoformat` reads it (3.11 and newer);
 * undefined for anything else: one without a zone may mean any time. Week dates are not read, nor the malformed forms that some
 * versions of Python let through. Exact from 1685 to 2255.
 */
export function timestampMicros(text: string): number | undefined {
  const groups = TIMESTAMP.exec(text)?.groups
  if (!groups) return undefined
  const number = (name: string) => Number(groups[name] ?? 0)
  const [year, month, day] = [number('year') || number('year2'), number('month') || number('month2'), number('day') || number('day2')]
  const [hour, minute, second] = [number('hour'), number('minute'), number('second')]
  const [zoneHour, zoneMinute, zoneSecond] = [number('zoneHour'), number('zoneMinute'), number('zoneSecond')]
  if (year === 0 || Math.max(hour, zoneHour) > 23 || Math.max(minute, second, zoneMinute, zoneSecond) > 59) return undefined

  // setUTCFullYear takes the years below 100 as they are, unlike Date.UTC. Both count on where a month has no such day.
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  // CPython takes a zone without whole seconds for UTC, whatever its fraction.
  const isUtc = zoneHour + zoneMinute + zoneSecond === 0
  const zone = isUtc ? 0 : (groups.sign === '-' ? -1 : 1) * micros(zoneHour, zoneMinute, zoneSecond, groups.zoneFraction)
  return date.getTime() * 1000 + (micros(hour, minute, second, groups.fraction) - zone)
}

/** A time of upstream's files, in ms since the epoch: ISO 8601 with a zone, or seconds. Undefined for anything else. */
export function momentMs(time: string | number | undefined): number | undefined {
  if (typeof time === 'number') return time * 1000
  const micros = time === undefined ? undefined : timestampMicros(time)
  return micros === undefined ? undefined : micros / 1000
}

function micros(hours: number, minutes: number, seconds: number, fraction = ''): number {
  return (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

/** A moment as the gateway writes it, so that every version of Python reads it: six digits and `+00:00`. */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000+00:00')
}
