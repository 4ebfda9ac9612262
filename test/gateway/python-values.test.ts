import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {formatTimestamp, pythonInt, timestampMicros} from '../../src/gateway/python-values.js'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {noPython, python} from '../support/python.js'

const MAX_DIGITS = 4300

describe('pythonInt', () => {
  it.each([
    ['7', 7],
    ['7 ', 7],
    ['\t\n\v\f\r 7', 7],
    ['+7', 7],
    ['-7', -7],
    ['007', 7],
    ['1_000', 1000],
    ['0'.repeat(MAX_DIGITS), 0],
    [2.9, 2],
    [-2.9, -2],
    [true, 1],
    [false, 0],
  ])('makes %o the integer %d', (value, expected) => {
    expect(pythonInt(value)).toBe(expected)
  })

  it.each(
    [
      ['', ' ', '1e3', '0x10', '2.0', '1__0', '_1', '1_', '+ 1', '--1', '5 6', '7\0', 'seven'],
      // What int() takes beyond ASCII no gateway writes.
      ['²', '−7', '٣٤', '\u{1d7d9}\u{1d7e2}', '\x857\xa0', '\ufeff7', '\x1c7', '0'.repeat(MAX_DIGITS + 1)],
      [NaN, Infinity, -Infinity],
      [null, undefined, [], [1], {}, {a: 1}],
    ].flat(),
  )('makes no integer of %o', (value) => {
    expect(pythonInt(value)).toBeUndefined()
  })
})

describe('timestampMicros', () => {
  const noon = Date.UTC(2026, 4, 1, 12) * 1000

  it.each([
    ['2026-05-01T12:00:00+00:00', 0],
    ['2026-05-01T12:00:00Z', 0],
    ['2026-05-01 12:00:00-00:00', 0],
    ['2026-05-01T12:00:00.000001+00:00', 1],
    ['2026-05-01T12:00:00.5Z', 500_000],
    ['2026-05-01T12:00:00,123456999Z', 123_456],
    ['2026-05-01T14:00:00+02:00', 0],
    ['2026-05-01T12:00:00+00:00:01.5', -1_500_000],
    ['20260501T120000+0000', 0],
    ['2026-05-01T12Z', 0],
    ['2026-05-01T12:00+00', 0],
  ])('reads %s', (text, offset) => {
    expect(timestampMicros(text)).toBe(noon + offset)
  })

  it('takes a zone without whole seconds for UTC, as CPython does', () => {
    expect(timestampMicros('2026-05-01T12:00:00+00:00:00.8')).toBe(Date.parse('2026-05-01T12:00:00Z') * 1000)
  })

  it('takes years of two digits as they are', () => {
    expect(timestampMicros('0099-01-01T00:00:00Z')).toBe(Date.parse('0099-01-01T00:00:00Z') * 1000)
  })

  it.each([
    '2026-05-01T12:00:00',
    '2026-05-01',
    '2026-05-01T12:00:00z',
    '2026-05-01T12:00:00+24:00',
    '2026-05-01T24:00:00Z',
    '2026-05-01T12:00:60Z',
    '2026-02-29T12:00:00Z',
    '2026-04-31T12:00:00Z',
    '2026-00-01T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-05-00T12:00:00Z',
    '0000-01-01T00:00:00Z',
    '2026-05-01T12:0000Z',
    '2026-05-01T1200:00Z',
    '2026-0501T12:00:00Z',
    ' 2026-05-01T12:00:00Z',
    '2026-05-01T12:00:00Z\n',
    '1777636800',
    '',
    'now',
  ])('does not read %o', (text) => {
    expect(timestampMicros(text)).toBeUndefined()
  })
})

describe('formatTimestamp', () => {
  it('writes six digits and the zone, as the gateway does', () => {
    expect(formatTimestamp(Date.UTC(2026, 4, 1, 12, 0, 0, 7))).toBe('2026-05-01T12:00:00.007000+00:00')
    expect(formatTimestamp(Date.UTC(2026, 4, 1))).toBe('2026-05-01T00:00:00.000000+00:00')
  })

  it('is read back as the same moment', () => {
    const moments = fc.integer({min: Date.UTC(1990), max: Date.UTC(2200)})
    fc.assert(fc.property(moments, (ms) => timestampMicros(formatTimestamp(ms)) === ms * 1000))
  })
})

const INT = `
import json, sys
def read(value):
    try:
        return str(int(value))
    except (TypeError, ValueError, OverflowError):
        return None
json.dump([read(value) for value in json.load(sys.stdin)], sys.stdout)
`

const FROM_ISO_FORMAT = `
import json, sys
from datetime import datetime, timedelta, timezone
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
def read(text):
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - EPOCH) // timedelta(microseconds=1)
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
`

const digit = fc.constantFrom(...'0123456789')
const space = fc.constantFrom(' ', '\t', '\n', '\v', '\f', '\r', '\x1c', '\ufeff', '\u200b')
const spaces = fc.array(space, {maxLength: 2})
const sign = fc.constantFrom('+', '-', '_')
const stray = fc.constantFrom('.', 'e', 'x', '²', '\0')
const nearlyInteger = fc.array(fc.oneof({weight: 6, arbitrary: digit}, {weight: 2, arbitrary: sign}, stray, space), {maxLength: 12})
const integerText = fc.tuple(spaces, fc.constantFrom('', '+', '-'), fc.array(digit, {minLength: 1, maxLength: 15}), spaces)
const values = fc.array(
  fc.oneof(
    nearlyInteger.map((characters) => characters.join('')),
    integerText.map((parts) => parts.flat().join('')),
    fc.double({noNaN: true, noDefaultInfinity: true, min: -(2 ** 52), max: 2 ** 52}),
    fc.jsonValue({maxDepth: 1}),
  ),
  {minLength: 100, maxLength: 200},
)

/** True for an integer, as Python writes it, that a double holds exactly. */
const isExact = (text: string | null): text is string => text !== null && Number.isSafeInteger(Number(text))

const two = (max: number) => fc.integer({min: 0, max}).map((number) => String(number).padStart(2, '0'))
const fraction = fc.tuple(fc.constantFrom('.', ','), fc.stringMatching(/^\d{1,9}$/)).map((parts) => parts.join(''))
/** One to three parts, with colons or without. */
const clock = (highest: {hour: number; minute: number}, rest: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.constantFrom(':', ''), fc.integer({min: 1, max: 3}), two(highest.hour), two(highest.minute), two(highest.minute), rest)
    .map(([colon, count, hour, minute, second, end]) => [hour, minute, second].slice(0, count).join(colon) + (count === 3 ? end : ''))
const date = fc
  .tuple(
    fc.constantFrom('-', ''),
    fc.integer({min: 0, max: 9999}).map((year) => String(year).padStart(4, '0')),
    two(13),
    two(32),
  )
  .map(([dash, ...parts]) => parts.join(dash))
/** Python adds up a zone of 60 minutes and more; whoever wrote that did not mean it. */
const offsetClock = clock({hour: 25, minute: 59}, fc.option(fraction, {nil: ''}))
const offset = fc.tuple(fc.constantFrom('+', '-'), offsetClock).map((parts) => parts.join(''))
const zone = fc.oneof(fc.constantFrom('Z', 'z', '', 'UTC'), offset)
const time = clock({hour: 25, minute: 61}, fc.option(fraction, {nil: ''}))
const wellFormed = fc.tuple(date, fc.constantFrom('T', ' ', 't', '_', 'é', '\u{1f550}'), time, zone).map((parts) => parts.join(''))

/** A timestamp with up to two characters changed, left out or put in. */
const mutated = fc
  .tuple(wellFormed, fc.array(fc.tuple(fc.nat({max: 40}), fc.nat({max: 1}), fc.constantFrom('', ...'0123456789:.,-+TZW ')), {maxLength: 2}))
  .map(([text, changes]) => changes.reduce((rest, [at, removed, put]) => rest.slice(0, at) + put + rest.slice(at + removed), text))

describeUnless(noPython(), 'beside a real Python', () => {
  it('pythonInt gives what int() gives, and nothing where it raises', () => {
    fc.assert(
      fc.property(values, (batch) => {
        const expected = python(INT, batch) as (string | null)[]
        for (const [index, value] of batch.entries()) {
          const mine = pythonInt(value)
          const theirs = expected[index] ?? null
          expect({value, isInteger: mine !== undefined}).toEqual({value, isInteger: theirs !== null})
          // -0 is 0 there.
          if (isExact(theirs)) expect({value, mine: (mine ?? NaN) + 0}).toEqual({value, mine: Number(theirs)})
        }
      }),
      {numRuns: inCampaign(10, 2)},
    )
  })

  it('timestampMicros reads every date and time with a zone that fromisoformat reads, as the same moment', () => {
    fc.assert(
      fc.property(fc.array(wellFormed, {minLength: 200, maxLength: 300}), (batch) => {
        const expected = python(FROM_ISO_FORMAT, batch) as (number | null)[]
        expect(batch.map((text) => [text, timestampMicros(text) ?? null])).toEqual(batch.map((text, index) => [text, expected[index]]))
      }),
      {numRuns: inCampaign(10, 2)},
    )
  })

  it('timestampMicros reads nothing that fromisoformat does not read as the same moment', () => {
    fc.assert(
      fc.property(fc.array(mutated, {minLength: 200, maxLength: 300}), (batch) => {
        const expected = python(FROM_ISO_FORMAT, batch) as (number | null)[]
        for (const [index, text] of batch.entries()) {
          const micros = timestampMicros(text)
          if (micros !== undefined) expect({text, micros}).toEqual({text, micros: expected[index]})
        }
      }),
      {numRuns: inCampaign(10, 2)},
    )
  })
})
