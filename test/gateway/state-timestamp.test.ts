import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {planRefresh, pythonTimestamp, topLevelValue} from '../../src/gateway/state-timestamp.js'
import type {InPlaceWrite} from '../../src/host/host.js'
import {anyCharacter} from '../support/any-text.js'
import {inCampaign} from '../support/campaign.js'

const OWNER = {pid: 4242, startTime: 5000}
const NOW_MS = Date.UTC(2026, 10, 22, 2, 46, 58, 784)
const FULL = '2026-11-22T02:46:58.784000+00:00'
const SHORT = '2026-11-22T02:46:58+00:00'

type Json = null | boolean | number | string | Json[] | {[key: string]: Json}

/** Writes JSON as differently as JSON may be written: blanks anywhere, characters escaped or not. `choice` gives numbers from 0 to 7. */
function write(value: Json, choice: () => number): string {
  const blanks = () => ['', '', '', ' ', '\n', '\t ', '  ', '\r\n'][choice()] ?? ''
  const text = (content: string) => {
    let written = ''
    for (const unit of content.split('')) {
      const mustEscape = unit < ' ' || unit === '"' || unit === '\\' || /[\ud800-\udfff]/.test(unit)
      written += mustEscape || choice() === 7 ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : unit
    }
    return `"${written}"`
  }
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return `[${blanks()}${value.map((item) => write(item, choice)).join(`${blanks()},${blanks()}`)}${blanks()}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${text(key)}${blanks()}:${blanks()}${write(item, choice)}`)
    return `{${blanks()}${entries.join(`${blanks()},${blanks()}`)}${blanks()}}`
  }
  return JSON.stringify(value)
}

/** A value that is full of what could be taken for the timestamp. */
const arbitraryValue: fc.Arbitrary<Json> = fc.letrec<{value: Json}>((tie) => ({
  value: fc.oneof(
    {depthSize: 'small', withCrossShrink: true},
    fc.constantFrom<Json>(null, true, 0, -1.5e-7, 'updated_at', '"updated_at":"x"', '\\', '\\"', '}{][,:', FULL, 'ünïcødé ✓ 𝄞'),
    fc.string({unit: anyCharacter, maxLength: 8}),
    fc.array(tie('value'), {maxLength: 3}),
    fc.dictionary(fc.constantFrom('updated_at', 'pid', 'platforms', 'a', '"', '\\', 'ü', 'telegram'), tie('value'), {maxKeys: 4}),
  ),
})).value

const arbitraryTimestamp = fc.constantFrom<Json>(
  '2026-11-22T01:00:00.784743+00:00',
  '2026-11-22T01:00:00+00:00',
  '2026-11-22T01:00:00Z',
  '2026-11-22T01:00:00.784743Z',
  '2026-11-22T01:00:00.784743',
  '2026-11-22T01:00:00.784+00:00',
  '2026-11-22T01:00:00.784743 and then some more of it',
  '',
  'ü',
  1763775000,
  1763775000.25,
  -1,
  null,
)

const arbitraryField = fc.tuple(fc.constantFrom('a', 'b', 'platforms', 'x"y', 'exit_reason', '\\'), arbitraryValue)
const arbitraryState = fc
  .tuple(fc.array(arbitraryField, {maxLength: 4}), arbitraryTimestamp, fc.nat(4))
  .map(([others, timestamp, position]) => {
    const entries: [string, Json][] = [['pid', OWNER.pid], ['gateway_state', 'running'], ...others]
    entries.splice(Math.min(position, entries.length), 0, ['updated_at', timestamp])
    return Object.fromEntries(entries)
  })

const arbitraryChoices = fc.array(fc.nat(7), {minLength: 1, maxLength: 40}).map((choices) => {
  let index = 0
  return () => choices[index++ % choices.length] ?? 0
})

function apply(before: Buffer, {offset, bytes}: InPlaceWrite): Buffer {
  const after = Buffer.alloc(Math.max(before.length, offset + bytes.length))
  before.copy(after)
  bytes.copy(after, offset)
  return after
}

/** Refreshes as a tick does; all that the file was on the way, the first and the last included. */
function refreshed(content: Buffer): {steps: Buffer[]; updatedAt: string} {
  const steps = [content]
  for (;;) {
    const refresh = planRefresh(steps.at(-1) ?? content, OWNER, NOW_MS, true)
    if (refresh.kind !== 'write' && refresh.kind !== 'make-room') throw new Error(JSON.stringify(refresh))
    steps.push(apply(steps.at(-1) ?? content, refresh.write))
    if (refresh.kind === 'write') return {steps, updatedAt: refresh.updatedAt}
    if (steps.length > 2) throw new Error('it makes room again and again')
  }
}

const plan = (state: unknown, mayMove = true) =>
  planRefresh(Buffer.from(typeof state === 'string' ? state : JSON.stringify(state)), OWNER, NOW_MS, mayMove)

describe('the refresh of a state file', () => {
  it('changes updated_at of the outermost object and nothing else, however the file is written', () => {
    fc.assert(
      fc.property(arbitraryState, arbitraryChoices, (state, choice) => {
        const content = Buffer.from(write(state, choice))
        const {steps, updatedAt} = refreshed(content)
        // Whoever reads between two writes reads JSON, too.
        const values = steps.map((step) => JSON.parse(step.toString()) as object)
        expect(values.slice(0, -1)).toEqual(values.slice(0, -1).map(() => state))
        expect(values.at(-1)).toEqual({...state, updated_at: updatedAt})
        expect([FULL, SHORT]).toContain(updatedAt)
        // Byte for byte: what stood before and after the value, but for blanks.
        const place = topLevelValue(content, 'updated_at')
        const final = steps.at(-1) ?? content
        expect(final.subarray(0, place?.start)).toEqual(content.subarray(0, place?.start))
        const trimmed = (part: Buffer) => part.toString().replace(/^ +| +$/g, '')
        expect(trimmed(final.subarray((place?.start ?? 0) + updatedAt.length + 2))).toBe(trimmed(content.subarray(place?.end)))
      }),
      {numRuns: inCampaign(1000, 100)},
    )
  })

  it('finds the value of any key of the outermost object', () => {
    const arbitraryObject = fc.dictionary(fc.string({unit: anyCharacter, maxLength: 4}), arbitraryValue, {
      maxKeys: 5,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(arbitraryObject, arbitraryChoices, (value, choice) => {
        const content = Buffer.from(write(value, choice))
        for (const key of Object.keys(value)) {
          const place = topLevelValue(content, key)
          expect(JSON.parse(content.subarray(place?.start, place?.end).toString())).toEqual(value[key])
        }
        expect(topLevelValue(content, 'no such key')).toBeUndefined()
      }),
      {numRuns: inCampaign(1000, 100)},
    )
  })

  it('takes a key that stands there twice for its last value, as every reader does', () => {
    const content = '{"updated_at":"2026-11-22T01:00:00.000000+00:00","pid":4242,"updated_at":"2026-11-22T01:00:00.000000+00:00"}'
    expect(JSON.parse(refreshed(Buffer.from(content)).steps.at(-1)?.toString() ?? '')).toEqual({pid: 4242, updated_at: FULL})
  })

  it.each([
    ['32 characters with microseconds', '2026-11-22T01:00:00.784743+00:00', FULL],
    ['25 characters without', '2026-11-22T01:00:00+00:00', SHORT],
  ])('keeps the width of a value of %s, in one write', (_, old, updatedAt) => {
    const state = {pid: OWNER.pid, updated_at: old, platforms: {telegram: {updated_at: old}}}
    const refresh = plan(state, false)
    expect(refresh).toEqual({kind: 'write', updatedAt, write: {offset: 25, bytes: Buffer.from(`"${updatedAt}"`)}})
    expect(updatedAt).toHaveLength(old.length)
  })

  it('fills up a value that was longer with blanks', () => {
    const content = `{"pid":4242,"updated_at":"2026-11-22T01:00:00.784743Z","a":1}`
    expect(refreshed(Buffer.from(content)).steps.map(String)).toEqual([content, `{"pid":4242,"updated_at":"${SHORT}"  ,"a":1}`])
  })

  it.each([1763775000, '2026-11-22T01:00:00Z', null])('makes room for a value that was shorter (%j) if it may move the rest', (old) => {
    const state = {pid: OWNER.pid, updated_at: old, desired_state: 'running'}
    expect(plan(state, false)).toEqual({kind: 'too-short'})
    const content = JSON.stringify(state)
    const final = JSON.stringify({...state, updated_at: FULL})
    // Never longer and other than before at once: somebody might read it in two pieces.
    expect(refreshed(Buffer.from(content)).steps.map(String)).toEqual([content, content.padEnd(final.length), final])
  })

  it.each([
    ['nothing', ''],
    ['half a file', '{"pid":4242,"updated_at":"2026-11'],
    ['no object', '[4242]'],
    ['another pid', {pid: 4243, updated_at: SHORT}],
    ['no pid', {updated_at: SHORT}],
    ['a recycled pid', {pid: 4242, start_time: 4999, updated_at: SHORT}],
    ['a gateway that has stopped', {pid: 4242, gateway_state: 'stopped', updated_at: SHORT}],
    ['a gateway that failed to start', {pid: 4242, gateway_state: 'startup_failed', updated_at: SHORT}],
    ['no updated_at', {pid: 4242, platforms: {telegram: {updated_at: '2026-11-22T01:00:00.784743+00:00'}}}],
    ['an updated_at that is none', {pid: 4242, updated_at: {at: 1}}],
  ])('leaves a state alone that is %s', (_, state) => {
    expect(plan(state)).toMatchObject({kind: 'leave', why: expect.any(String)})
  })

  it('leaves a state alone that the gateway itself has just written', () => {
    for (const offsetMs of [-400, 400]) {
      const justNow = pythonTimestamp(NOW_MS + offsetMs)
      expect(plan({pid: OWNER.pid, updated_at: justNow})).toEqual({kind: 'fresh', updatedAt: justNow})
    }
    expect(plan({pid: OWNER.pid, updated_at: pythonTimestamp(NOW_MS - 1000)}).kind).toBe('write')
    // A clock that was an hour ahead when the gateway wrote it.
    expect(plan({pid: OWNER.pid, updated_at: pythonTimestamp(NOW_MS + 3_600_000)})).toMatchObject({kind: 'write', updatedAt: FULL})
  })

  it('writes a time as Python does', () => {
    expect(pythonTimestamp(NOW_MS)).toBe(FULL)
    expect(pythonTimestamp(Date.UTC(2026, 0, 1))).toBe('2026-01-01T00:00:00.000000+00:00')
  })
})
