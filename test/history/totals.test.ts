import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {totalsOf, readTotals, type Totals} from '../../src/history/totals.js'
import {END_CODES, END_REASONS, type EndLine} from '../../src/service/end-line.js'
import {EVENT_WORDS} from '../../src/service/event-line.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOUR = 3_600_000
const T0 = Date.UTC(2026, 4, 1)
const iso = (ms: number) => new Date(T0 + ms).toISOString()
const end = (atMs: number, upMs: number | null, more: Partial<EndLine> = {}): string =>
  JSON.stringify({
    ...{time: iso(atMs), event: 'end', code: 'exited', status: '1', result: 'exit-code', uptimeMs: upMs, reason: 'failure', failures: 1},
    ...{delayMs: 1000, ...more},
  })
const command = (atMs: number, name: string): string =>
  JSON.stringify({time: iso(atMs), command: name, service: 'hermes-gateway.service', outcome: 'done', steps: []})
const recovered = (atMs: number, sinceMs: number, about = 'gateway'): string =>
  JSON.stringify({time: iso(atMs), event: 'recovered', about, since: iso(sinceMs)})

/** Without the zeros. */
const seen = ({ends, downMs}: Totals) => ({ends: Object.fromEntries([...ends].filter(([, count]) => count > 0)), downMs})

describe('what counts up', () => {
  it('is each end by its reason, and the time from an end to the next start', () => {
    expect(
      seen(
        totalsOf([
          end(1 * HOUR, HOUR),
          end(2 * HOUR, HOUR - 5000, {code: 'killed', status: 'KILL', result: 'oom-kill'}),
          end(3 * HOUR, HOUR - 7000, {code: 'killed', status: 'KILL', result: 'signal'}),
          end(4 * HOUR, HOUR - 1000, {reason: 'stop', status: '0', result: 'success'}),
          end(6 * HOUR, HOUR, {status: '75', reason: 'planned'}),
        ]),
      ),
    ).toEqual({ends: {exit: 1, oom: 1, signal: 1, 'stop-asked': 1, 'planned-restart': 1}, downMs: 13_000})
  })

  it('is down through starts that failed or were called off, until it is seen to be well or is meant to be down', () => {
    const failed = {code: '', status: '', result: 'resources'} as const
    const lines = [end(HOUR, HOUR), end(HOUR + 2000, 1000, failed), end(HOUR + 3000, null, {...failed, result: '', reason: 'called-off'})]
    expect(seen(totalsOf(lines))).toEqual({ends: {exit: 1, 'start-failed': 1}, downMs: 0})
    expect(totalsOf([...lines, recovered(2 * HOUR, HOUR)]).downMs).toBe(HOUR)
    expect(totalsOf([...lines, recovered(2 * HOUR, HOUR, 'slack')]).downMs).toBe(0)
    expect(totalsOf([...lines, command(HOUR + 9000, 'stop')]).downMs).toBe(9000)
    expect(totalsOf([...lines, command(HOUR + 9000, 'stop'), end(3 * HOUR, HOUR)]).downMs).toBe(9000)
    expect(totalsOf([...lines, recovered(2 * HOUR, HOUR), end(3 * HOUR, HOUR + 1000)]).downMs).toBe(HOUR)
    expect(totalsOf([...lines, end(3 * HOUR, HOUR)]).downMs).toBe(HOUR)
  })

  it('is there from the first with nothing, so that the first end is a rise', () => {
    const {ends, downMs} = totalsOf([])
    expect([...new Set(ends.values()), downMs]).toEqual([0, 0])
    expect([...ends.keys()]).toContain('oom')
  })

  it('never shrinks as the journal grows, by half a line or by many, whatever is in it', () => {
    const line = fc.oneof(
      fc
        .record({
          at: fc.integer({min: 0, max: HOUR}),
          up: fc.option(fc.nat(HOUR)),
          code: fc.constantFrom(...END_CODES),
          status: fc.constantFrom('0', '1', '75', '78', 'KILL', ''),
          result: fc.constantFrom('', 'oom-kill', 'timeout', 'watchdog', 'success'),
          reason: fc.constantFrom(...END_REASONS),
        })
        .map(({at, up, ...more}) => end(at, up, more)),
      fc.record({at: fc.nat(HOUR), name: fc.constantFrom('stop', 'start', 'uninstall', 'watchdog')}).map(({at, name}) => command(at, name)),
      fc
        .record({at: fc.nat(HOUR), event: fc.constantFrom(...EVENT_WORDS), about: fc.constantFrom('gateway', 'slack')})
        .map(({at, event, about}) => JSON.stringify({time: iso(at), event, about, since: iso(0)})),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(line, {maxLength: 30}), fc.nat(), (lines, cut) => {
        const text = lines.join('\n')
        const part = totalsOf(text.slice(0, cut % (text.length + 1)).split('\n'))
        const whole = totalsOf(text.split('\n'))
        expect(whole.downMs).toBeGreaterThanOrEqual(part.downMs)
        for (const [kind, count] of part.ends) expect(whole.ends.get(kind)).toBeGreaterThanOrEqual(count)
      }),
    )
  })

  it('is of the journal as it is now: nothing where there is none yet, and not known where it has no end', () => {
    const totals = (files: Record<string, string>) => {
      const host = new FakeHost({files})
      return readTotals(host.as(host.account), '/h')
    }
    expect(
      totals({'/h/logs/hermes-svc.jsonl': `${end(HOUR, 1)}\n`, '/h/logs/hermes-svc.jsonl.1': `${end(HOUR, 1)}\n`})?.ends.get('exit'),
    ).toBe(1)
    expect(totals({})?.ends.get('exit')).toBe(0)
    expect(totals({'/h/logs/hermes-svc.jsonl': 'x'.repeat(8 * 1024 * 1024 + 1)})).toBeUndefined()
  })
})
