import {usageError} from '../errors.js'

const MS_OF_UNIT = {ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000} as const
const UNITS = ['h', 'm', 's', 'ms'] as const

/** What a flag takes as its time. */
export interface DurationRange {
  /** As it is typed, e.g. `--timeout`. */
  readonly flag: string
  readonly leastMs: number
  readonly mostMs: number
  /** Why it may be no longer, where that is not plain. */
  readonly why?: string
}

/**
 * A time as every flag takes it, in ms: `500ms`, `30` or `30s`, `2m`, `1h`, `2d`, `1w`. Throws a usage error for anything else, and out of the range; where the least is
 * whole seconds the value has to be too.
 */
export function parseDurationMs(text: string, {flag, leastMs, mostMs, why}: DurationRange): number {
  const [, digits, unit = 's'] = /^(\d{1,7})(ms|s|m|h|d|w)?$/.exec(text) ?? []
  const ms = Number(digits) * MS_OF_UNIT[unit as keyof typeof MS_OF_UNIT]
  const isWhole = leastMs < 1000 || ms % 1000 === 0
  if (ms >= leastMs && ms <= mostMs && isWhole) return ms
  const examples = leastMs < 1000 ? '500ms, 30s (or 30), 2m' : '30s (or 30), 2m'
  throw usageError(
    `${flag} ${JSON.stringify(text)}: must be a time such as ${examples} or 1h, from ${inUnits(leastMs)} to ${inUnits(mostMs)}${why ? `; ${why}` : ''}`,
  )
}

/** A time in the largest unit in which it is whole, e.g. `90s`, `2m`, `1h`. */
export function inUnits(ms: number): string {
  const unit = UNITS.find((name) => ms % MS_OF_UNIT[name] === 0) ?? 'ms'
  return `${ms / MS_OF_UNIT[unit]}${unit}`
}
