import {describe, expect, it} from 'vitest'
import {readLastDay} from '../../src/history/last-day.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const MIN = 60_000
const NOW = Date.UTC(2026, 0, 10)
const end = (agoMs: number, upMs: number, reason = 'failure') =>
  JSON.stringify({
    ...{
      time: new Date(NOW - agoMs).toISOString(),
      event: 'end',
      code: 'exited',
      status: '1',
      result: '',
      uptimeMs: upMs,
      reason,
      failures: 1,
      delayMs: 1000,
    },
  })
const day = (lines: readonly string[], upMs?: number) =>
  readLastDay(new FakeHost({files: {[`${HOME}/logs/hermes-svc.jsonl`]: {text: `${lines.join('\n')}\n`, mode: 0o600}}}), HOME, NOW, upMs)

describe('the last 24 hours by the journal', () => {
  it('has how often it ended and why, and how long it was down', () => {
    const lines = [end(30 * 60 * MIN, MIN), end(20 * MIN, 60 * MIN), end(10 * MIN, 8 * MIN, 'planned')]
    const found = day(lines, 9 * MIN)
    expect([...(found?.ends ?? [])]).toEqual([
      ['exit', 1],
      ['planned-restart', 1],
    ])
    // Two minutes until the next one, one until the present one, and most of a day after the first.
    expect(found?.downMs).toBe(24 * 60 * MIN - 80 * MIN + 3 * MIN)
    expect(found?.lastEnd).toEqual({atMs: NOW - 10 * MIN, reason: 'planned-restart'})
  })

  it('tells of a stop as no downtime, and of nothing where nothing is noted', () => {
    expect(day([end(10 * MIN, 60 * MIN, 'stop')])?.downMs).toBe(0)
    expect(day([])).toEqual({ends: new Map(), downMs: undefined, lastEnd: undefined})
    expect(day([end(10 * MIN, 60 * MIN)])?.downMs).toBe(10 * MIN)
  })
})
