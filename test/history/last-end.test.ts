import {describe, expect, it} from 'vitest'
import {readLastEnd} from '../../src/history/last-end.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const end = (time: string, more: object = {}) =>
  JSON.stringify({
    ...{time, event: 'end', code: 'killed', status: 'KILL', result: 'oom-kill', uptimeMs: 5},
    ...{reason: 'failure', failures: 1, delayMs: 9},
    ...more,
  })
const last = (lines: readonly string[]) =>
  readLastEnd(new FakeHost({files: {[`${HOME}/logs/hermes-svc.jsonl`]: {text: lines.join('\n'), mode: 0o600}}}), HOME)

describe('the last end', () => {
  it('is told in words by the end of the journal', () => {
    const lines = [end('2026-01-01T00:00:00Z', {result: ''}), 'half a li', end('2026-01-02T00:00:00Z'), '{"time":"x","command":"stop"}']
    expect(last(lines)).toEqual({time: '2026-01-02T00:00:00.000Z', reason: 'oom', text: 'killed by the kernel for lack of memory'})
  })

  it('is none of a start that was called off', () => {
    expect(
      last([end('2026-01-01T00:00:00Z'), end('2026-01-02T00:00:00Z', {code: '', status: '', result: '', reason: 'called-off'})])?.reason,
    ).toBe('oom')
  })

  it('is not told where there is no journal, or none that may be read', () => {
    expect(last([])).toBeUndefined()
    expect(readLastEnd(new FakeHost(), HOME)).toBeUndefined()
    expect(
      readLastEnd(new FakeHost({files: {[`${HOME}/logs/hermes-svc.jsonl`]: {text: end('2026-01-01T00:00:00Z'), mode: 0}}}), HOME),
    ).toBeUndefined()
  })
})
