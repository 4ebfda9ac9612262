import {describe, expect, it} from 'vitest'
import {parseMoment} from '../../src/commands/moment.js'

const NOW = new Date(2026, 10, 29, 14, 30, 0).getTime()
const HOUR_MS = 3_600_000
const moment = (text: string) => parseMoment(text, '--since', NOW)

describe('a moment', () => {
  it.each([
    ['1h', NOW - HOUR_MS],
    ['-90s', NOW - 90_000],
    ['2d', NOW - 48 * HOUR_MS],
    ['1 hour ago', NOW - HOUR_MS],
    ['30 min ago', NOW - HOUR_MS / 2],
    ['2 weeks ago', NOW - 14 * 24 * HOUR_MS],
    ['now', NOW],
    ['today', new Date(2026, 10, 29).getTime()],
    ['yesterday', new Date(2026, 10, 28).getTime()],
    ['2026-11-22', new Date(2026, 10, 22).getTime()],
    ['2026-11-22 10:00', new Date(2026, 10, 22, 10).getTime()],
    ['2026-11-22T10:00:05', new Date(2026, 10, 22, 10, 0, 5).getTime()],
    ['14:01:02', new Date(2026, 10, 29, 14, 1, 2).getTime()],
    ['2026-11-22T10:00:00Z', Date.UTC(2026, 10, 22, 10)],
    ['2026-11-22 10:00:00+02:00', Date.UTC(2026, 10, 22, 8)],
    ['@1500.5', 1_500_500],
  ])('%s is understood', (text, ms) => expect(moment(text)).toBe(ms))

  it.each(['', 'the day after', '5', '1x', '2026-13-01', '2026-06-31', '25:00', '10:61', '3 lightyears ago', '99999999h'])(
    '%j is refused',
    (text) => expect(() => moment(text)).toThrow(/^--since /),
  )
})
