import {describe, expect, it} from 'vitest'
import {recordHead, stampedLine} from '../../src/gateway/log-line.js'

const LATER = Date.UTC(2100, 0, 1)
const local = (...fields: [number, number, number, number, number, number, number]) => new Date(...fields).getTime()

describe('recordHead', () => {
  it("is the first line of a record of upstream's files", () => {
    expect(recordHead('2026-11-29 14:01:02,345 WARNING gateway.run: No user: allowed', LATER)).toEqual({
      ...{timeMs: local(2026, 10, 29, 14, 1, 2, 345), level: 'warning', session: undefined},
      ...{logger: 'gateway.run', message: 'No user: allowed'},
    })
    expect(recordHead('2026-11-29 14:01:02,345 INFO [s-1] agent.core: hello', LATER)).toMatchObject({session: 's-1', logger: 'agent.core'})
    expect(recordHead('2026-11-29 14:01:02,345 INFO gateway.run: ', LATER)?.message).toBe('')
  })

  it('is that of what 0.16 prints, without a time', () => {
    expect(recordHead('ERROR gateway.run: it failed', LATER)).toMatchObject({timeMs: undefined, level: 'error', message: 'it failed'})
  })

  it('has a time alone where somebody else put one before a line', () => {
    expect(recordHead('2026-11-29 14:01:02,345 Traceback', LATER)).toMatchObject({level: undefined, message: 'Traceback'})
  })

  it.each([
    '',
    'Traceback (most recent call last):',
    '  File "a.py", line 3',
    'hermes-svc: gateway exited with 1',
    'WARNING: no',
    '2026-13 x',
  ])('is none in %j', (line) => expect(recordHead(line, LATER)).toBeUndefined())
})

describe('stampedLine', () => {
  it('is a line of s6-log, of which the two blanks behind the time are no part', () => {
    expect(stampedLine('2026-11-29 14:01:02.345678901    File "a.py"', LATER)).toEqual({
      timeMs: local(2026, 10, 29, 14, 1, 2, 345),
      text: '  File "a.py"',
    })
  })
})

describe('an hour that a clock shows twice', () => {
  it('is the later one, if that is over', () => {
    const zone = process.env.TZ
    process.env.TZ = 'Europe/Berlin'
    try {
      // The clock goes from 3:00 back to 2:00 at 1:00 UTC.
      const timeOf = (text: string, notAfterMs: number) => new Date(stampedLine(text, notAfterMs)?.timeMs ?? 0).toISOString()
      expect(timeOf('2026-10-25 02:30:00,000 a', LATER)).toBe('2026-10-25T01:30:00.000Z')
      expect(timeOf('2026-10-25 02:30:00,000 a', Date.UTC(2026, 9, 25, 0, 40))).toBe('2026-10-25T00:30:00.000Z')
      expect(timeOf('2026-10-25 03:30:00,000 a', LATER)).toBe('2026-10-25T02:30:00.000Z')
    } finally {
      if (zone === undefined) delete process.env.TZ
      else process.env.TZ = zone
    }
  })
})
