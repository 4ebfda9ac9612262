import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {availabilities, spansOf, WINDOWS} from '../../src/history/availability.js'
import type {By, EndEntry, EndReason, HistoryEntry} from '../../src/history/timeline.js'

const MIN = 60_000
const HOUR = 60 * MIN
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 10, 29)

/** All times are how long ago, in ms. */
const start = (ago: number): HistoryEntry => ({kind: 'start', atMs: NOW - ago, by: {who: 'manager'}})
const end = (ago: number, reason: EndReason = {kind: 'exit', status: 1}, by: By = {who: 'unknown'}): EndEntry => ({
  kind: 'end',
  atMs: NOW - ago,
  reason,
  by,
})
const command = (name: string, ago: number, outcome: 'done' | 'failed' = 'done'): HistoryEntry => ({
  kind: 'command',
  atMs: NOW - ago,
  command: name,
  outcome,
  files: 0,
})
const gap = (ago: number, untilAgo: number): HistoryEntry => ({kind: 'gap', atMs: NOW - ago, untilMs: NOW - untilAgo})
const STOP: EndReason = {kind: 'stop-asked'}

const day = (entries: readonly HistoryEntry[]) => {
  const [found] = availabilities(entries, NOW)
  if (!found) throw new Error('no window')
  return found
}

describe('availability', () => {
  it('is up, of the time in which it should have run', () => {
    expect(day([start(2 * DAY)])).toMatchObject({percent: 100, upMs: DAY, downMs: 0, outages: 0, longestOutageMs: undefined})
    expect(day([start(2 * DAY), end(7 * HOUR), start(HOUR)])).toMatchObject({
      ...{percent: 75, downMs: 6 * HOUR, unplanned: 1, outages: 1, longestOutageMs: 6 * HOUR, meanRecoveryMs: 6 * HOUR},
    })
  })

  it('is not less for a stop that was asked for', () => {
    expect(day([start(2 * DAY), end(7 * HOUR, STOP, {who: 'tool'}), start(HOUR)])).toMatchObject({
      percent: 100,
      offMs: 6 * HOUR,
      asked: 1,
      outages: 0,
    })
  })

  it('is less for a restart that was asked for and did not come back', () => {
    const restart: By = {who: 'command', command: 'restart'}
    expect(day([start(2 * DAY), end(6 * HOUR, STOP, restart)])).toMatchObject({percent: 75, downMs: 6 * HOUR})
    expect(day([start(2 * DAY), end(8 * HOUR, STOP, {who: 'tool'}), command('start', 6 * HOUR)])).toMatchObject({
      offMs: 2 * HOUR,
      downMs: 6 * HOUR,
    })
    expect(day([start(2 * DAY), end(8 * HOUR), command('stop', 6 * HOUR)])).toMatchObject({downMs: 2 * HOUR, offMs: 6 * HOUR})
    expect(day([start(2 * DAY), end(8 * HOUR), command('stop', 6 * HOUR, 'failed')])).toMatchObject({downMs: 8 * HOUR})
  })

  it('is not less for a stop by fix desired-state, whose own word it is that it should be stopped', () => {
    const fix: By = {who: 'command', command: 'fix desired-state'}
    expect(day([start(2 * DAY), end(6 * HOUR, STOP, fix)])).toMatchObject({percent: 100, offMs: 6 * HOUR, downMs: 0, outages: 0})
    expect(day([start(2 * DAY), end(8 * HOUR), command('fix desired-state', 6 * HOUR)])).toMatchObject({downMs: 2 * HOUR, offMs: 6 * HOUR})
    const started = [start(2 * DAY), end(8 * HOUR), start(6 * HOUR), command('fix desired-state', 6 * HOUR - 1)]
    expect(day(started)).toMatchObject({downMs: 2 * HOUR, offMs: 0})
  })

  it('is not known where nothing is on record', () => {
    expect(day([])).toMatchObject({percent: undefined, unknownMs: DAY, upMs: 0, downMs: 0})
    expect(day([start(6 * HOUR)])).toMatchObject({percent: 100, upMs: 6 * HOUR, unknownMs: 18 * HOUR})
    expect(day([start(2 * DAY), gap(6 * HOUR, 2 * HOUR), end(2 * HOUR, {kind: 'unknown'}), start(2 * HOUR)])).toMatchObject({
      percent: 100,
      unknownMs: 4 * HOUR,
      upMs: 20 * HOUR,
    })
  })

  it('is less while it was wedged', () => {
    const wedged = (ago: number, untilMs?: number): HistoryEntry => ({
      kind: 'phase',
      atMs: NOW - ago,
      what: 'wedged',
      about: 'gateway',
      untilMs,
    })
    expect(day([start(2 * DAY), wedged(8 * HOUR, NOW - 2 * HOUR)])).toMatchObject({percent: 75, outages: 1})
    expect(day([start(2 * DAY), wedged(6 * HOUR)])).toMatchObject({percent: 75})
    expect(day([start(2 * DAY), {kind: 'phase', atMs: NOW - HOUR, what: 'platform-down', about: 'telegram'}])).toMatchObject({percent: 100})
  })

  it('has one outage of a gateway that comes up and fails again and again, and none of a restart that was meant', () => {
    const loop = [10, 8, 6, 4].flatMap((minutes) => [end(minutes * MIN), start(minutes * MIN - MIN - 50_000)])
    expect(day([start(2 * DAY), ...loop])).toMatchObject({outages: 1, unplanned: 4, longestOutageMs: 7 * MIN + 50_000})
    expect(day([start(2 * DAY), end(10 * MIN), start(9 * MIN), end(5 * MIN), start(4 * MIN)])).toMatchObject({
      outages: 2,
      meanRecoveryMs: MIN,
    })
    const planned = day([start(2 * DAY), end(10 * MIN, {kind: 'planned-restart'}), start(9 * MIN)])
    expect(planned).toMatchObject({outages: 0, planned: 1, unplanned: 0, downMs: MIN})
  })

  it('counts an outage that lasts, and not into how long it took to recover', () => {
    expect(day([start(2 * DAY), end(2 * HOUR)])).toMatchObject({outages: 1, longestOutageMs: 2 * HOUR, meanRecoveryMs: undefined})
  })

  it('is shown block by block', () => {
    const {bar} = day([start(12 * HOUR), end(2 * HOUR), start(HOUR + 10 * MIN), end(HOUR, STOP, {who: 'tool'})])
    expect(bar).toHaveLength(48)
    expect(bar.slice(0, 24)).toEqual(Array.from({length: 24}, () => 'unknown'))
    expect(bar.slice(24)).toEqual([...Array.from({length: 20}, () => 'up'), 'down', 'down', 'off', 'off'])
    expect(day([start(2 * DAY), end(20 * MIN), start(10 * MIN)]).bar.at(-1)).toBe('partly')
  })

  it('of any entries adds up to the window, and its spans have no hole', () => {
    const ago = fc.integer({min: 0, max: 40 * DAY})
    const entry = fc.oneof(
      ago.map(start),
      ago.map((ms) => end(ms)),
      ago.map((ms) => end(ms, STOP, {who: 'tool'})),
      ago.map((ms) => command('stop', ms)),
      ago.map((ms) => command('start', ms)),
      fc.tuple(ago, ago).map(([one, other]) => gap(Math.max(one, other), Math.min(one, other))),
      fc.tuple(ago, ago).map(
        ([one, other]): HistoryEntry => ({
          kind: 'phase',
          atMs: NOW - Math.max(one, other),
          what: 'wedged',
          about: 'gateway',
          untilMs: NOW - Math.min(one, other),
        }),
      ),
    )
    fc.assert(
      fc.property(fc.array(entry, {maxLength: 40}), (unsorted) => {
        const entries = unsorted.sort((one, other) => one.atMs - other.atMs)
        const spans = spansOf(entries, NOW)
        expect(spans[0]?.fromMs).toBe(-Infinity)
        expect(spans.at(-1)?.untilMs).toBe(NOW)
        for (const [index, span] of spans.entries()) if (index > 0) expect(span.fromMs).toBe(spans[index - 1]?.untilMs)
        for (const [index, one] of availabilities(entries, NOW).entries()) {
          expect(one.upMs + one.downMs + one.offMs + one.unknownMs).toBeCloseTo(one.windowMs, 3)
          expect(one.bar).toHaveLength(WINDOWS[index]?.blocks ?? 0)
          expect(one.longestOutageMs ?? 0).toBeLessThanOrEqual(one.windowMs)
        }
      }),
    )
  })
})
