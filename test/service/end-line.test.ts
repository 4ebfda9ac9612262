import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {afterEnd, endLine, type GatewayEnd} from '../../src/service/after-end.js'
import {END_CODES, END_REASONS, type EndLine, parseEndLine} from '../../src/service/end-line.js'
import {EVENT_WORDS, parseEventLine} from '../../src/service/event-line.js'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'

const LINE: EndLine = {
  ...{time: '2026-11-29T17:29:56Z', event: 'end', code: 'killed', status: 'KILL', result: 'oom-kill'},
  ...{uptimeMs: 12_340, reason: 'failure', failures: 2, delayMs: 2000},
}

describe('the line of an end', () => {
  it('is read as it was written, and without what does not belong to it', () => {
    expect(parseEndLine({...LINE, more: 1})).toEqual(LINE)
    expect(parseEndLine({...LINE, uptimeMs: null})).toEqual({...LINE, uptimeMs: null})
    fc.assert(
      fc.property(fc.constantFrom(...END_CODES), fc.constantFrom(...END_REASONS), fc.nat(), (code, reason, failures) => {
        const line = {...LINE, code, reason, failures}
        expect(parseEndLine(JSON.parse(JSON.stringify(line)))).toEqual(line)
      }),
    )
  })

  it.each<[string, object]>([
    ['another event', {event: 'down'}],
    ['no time', {time: 'x'}],
    ['a time without end', {time: `2026-11-29T17:29:56Z${' '.repeat(1000)}`}],
    ['another code', {code: 'vanished'}],
    ['a status with a command to a terminal', {status: '\u001b[2J'}],
    ['a result without end', {result: 'a'.repeat(33)}],
    ['another reason', {reason: 'because'}],
    ['less than no failures', {failures: -1}],
    ['half a failure', {failures: 0.5}],
    ['a wait in words', {delayMs: 'long'}],
    ['no time up', {uptimeMs: undefined}],
  ])('is none with %s', (_, wrong) => {
    expect(parseEndLine({...LINE, ...wrong})).toBeUndefined()
  })

  it('is never found in what is none, and neither is what a tick saw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseEndLine(value)).toBeUndefined()
        expect(parseEventLine(value)).toBeUndefined()
      }),
    )
    expect(parseEventLine(LINE)).toBeUndefined()
  })

  it('is what `hermes-svc run` makes of an end', () => {
    const words = {said: undefined, isRestartPending: false, isStopPlanned: false, isLoopWatchdog: false}
    const line = (more: Partial<GatewayEnd>) => {
      const end = {code: 1, signal: null, upMs: 1500.4, words, isAsked: false, isStopped: false, ...more}
      return parseEndLine(endLine(Date.parse(LINE.time), end, afterEnd(DEFAULT_RESTART_POLICY, 1, end)))
    }
    expect(line({})).toEqual({
      ...{time: '2026-11-29T17:29:56.000Z', event: 'end', code: 'exited', status: '1', result: '', uptimeMs: 1500},
      ...{reason: 'failure', failures: 2, delayMs: 2000},
    })
    expect(line({code: null, signal: 'SIGKILL'})).toMatchObject({code: 'killed', status: 'KILL'})
    const short = {code: null, signal: 'SIGKILL', wasMemoryShort: true}
    expect(line(short)).toMatchObject({code: 'killed', status: 'KILL', result: 'oom-kill'})
    for (const asked of [{isAsked: true}, {isRestartAsked: true}, {signal: 'SIGTERM'}, {code: 1, signal: null}, {wasMemoryShort: false}]) {
      expect(line({...short, ...asked})).toMatchObject({result: ''})
    }
    expect(line({code: null, failure: 'ENOENT'})).toMatchObject({code: '', status: '', result: 'resources'})
    expect(line({code: 78})).toMatchObject({reason: 'config', failures: 1, delayMs: 0})
    expect(line({isAsked: true})).toMatchObject({reason: 'stop', failures: 0})
    expect(line({code: 75, words: {...words, isRestartPending: true}})).toMatchObject({reason: 'planned', failures: 0})
    expect(line({code: 75, words: {...words, isLoopWatchdog: true}})).toMatchObject({reason: 'loop', failures: 2})
  })
})

describe('the line of what a tick saw', () => {
  const seen = {time: LINE.time, about: 'gateway', since: '2026-11-29T17:00:00Z'}

  it('is read as it was written', () => {
    for (const event of EVENT_WORDS) expect(parseEventLine({...seen, event, more: 1})).toEqual({...seen, event})
  })

  it('began when it was seen where it does not say', () => {
    expect(parseEventLine({...seen, event: 'down', since: null})?.since).toBe(LINE.time)
  })

  it('is none with another word, without a time, or about nothing', () => {
    for (const wrong of [{event: 'up'}, {time: 7}, {about: ''}, {about: {}}]) {
      expect(parseEventLine({...seen, event: 'down', ...wrong})).toBeUndefined()
    }
  })
})
