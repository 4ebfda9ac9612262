import {describe, expect, it} from 'vitest'
import {parseDurationMs} from '../../src/commands/duration.js'
import {ServiceError} from '../../src/errors.js'

const RANGE = {flag: '--timeout', leastMs: 1, mostMs: 3_600_000}
const SECONDS = {flag: '--every', leastMs: 1000, mostMs: 90_000, why: 'else nobody waits'}

describe('a time that a flag takes', () => {
  it.each([
    ['500ms', 500],
    ['30', 30_000],
    ['90s', 90_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['07', 7000],
  ])('is %s', (text, ms) => {
    expect(parseDurationMs(text, RANGE)).toBe(ms)
  })

  it.each(['', '0', '0s', '61m', '1d', '-1s', '+1s', ' 1s', '1 s', '1.5s', '1e3', '1S', '12345678', '9'.repeat(400), '1s2m', 'infinity'])(
    'is not %j',
    (text) => {
      expect(() => parseDurationMs(text, RANGE)).toThrow(ServiceError)
    },
  )

  it('is refused with the flag, what it takes, its range and the reason', () => {
    expect(() => parseDurationMs('2h', RANGE)).toThrow(
      '--timeout "2h": must be a time such as 500ms, 30s (or 30), 2m or 1h, from 1ms to 1h',
    )
    expect(() => parseDurationMs('91', SECONDS)).toThrow(
      '--every "91": must be a time such as 30s (or 30), 2m or 1h, from 1s to 90s; else nobody waits',
    )
  })

  it('is whole seconds where the least is', () => {
    expect(parseDurationMs('2000ms', SECONDS)).toBe(2000)
    expect(() => parseDurationMs('1500ms', SECONDS)).toThrow(ServiceError)
  })
})
