import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {Delivery} from '../../src/notify/deliver.js'
import type {NotifyEvent} from '../../src/notify/event.js'
import {delivered, due, EMPTY_OUTBOX, enqueue, onlyFor, type Outbox} from '../../src/notify/outbox.js'

const event = (id: string): NotifyEvent => ({
  ...{id, kind: 'down', atMs: 0, sinceMs: 0, machine: 'box', service: 's', profile: 'default'},
  ...{what: 'is down', lines: [], next: 'hermes-svc doctor', isReminder: false},
})
const TOLD: Delivery = {kind: 'told', answer: 'HTTP 200'}
const failed = (changes: Partial<Extract<Delivery, {kind: 'failed'}>> = {}): Delivery => ({
  kind: 'failed',
  why: 'HTTP 500',
  isForGood: false,
  afterMs: undefined,
  ...changes,
})
const dueIds = (outbox: Outbox, nowMs: number) =>
  Object.fromEntries([...due(outbox, nowMs)].map(([key, events]) => [key, events.map(({id}) => id).join('')]))

describe('outbox', () => {
  it('keeps what a target was not told yet, in order, and forgets what all were told', () => {
    let outbox = enqueue(EMPTY_OUTBOX, [event('a'), event('b')], ['x', 'y'])
    outbox = delivered(outbox, 'x', 'a', TOLD, 0)
    expect(dueIds(outbox, 0)).toEqual({x: 'b', y: 'ab'})
    for (const [key, id] of [
      ['x', 'b'],
      ['y', 'a'],
      ['y', 'b'],
    ] as const)
      outbox = delivered(outbox, key, id, TOLD, 0)
    expect(outbox).toEqual(EMPTY_OUTBOX)
  })

  it('takes an event once, however often it is put in', () => {
    const outbox = enqueue(enqueue(EMPTY_OUTBOX, [event('a')], ['x']), [event('a')], ['x'])
    expect(dueIds(outbox, 0)).toEqual({x: 'a'})
    expect(enqueue(EMPTY_OUTBOX, [event('a')], [])).toEqual(EMPTY_OUTBOX)
  })

  it('keeps the newest two hundred', () => {
    const ids = Array.from({length: 210}, (_, index) => `${index},`)
    expect(dueIds(enqueue(EMPTY_OUTBOX, ids.map(event), ['x']), 0).x).toBe(ids.slice(10).join(''))
  })

  it('leaves a target that failed alone, twice as long each time and a quarter of an hour at most, and no other one', () => {
    let outbox = enqueue(EMPTY_OUTBOX, [event('a')], ['x', 'y'])
    const pauses: number[] = []
    let nowMs = 0
    for (let attempt = 0; attempt < 9; attempt++) {
      outbox = delivered(outbox, 'x', 'a', failed(), nowMs)
      const {untilMs = 0} = outbox.faults.x ?? {}
      pauses.push((untilMs - nowMs) / 60_000)
      expect(dueIds(outbox, untilMs - 1)).toEqual({y: 'a'})
      expect(dueIds(outbox, untilMs)).toEqual({x: 'a', y: 'a'})
      nowMs = untilMs
    }
    expect(pauses).toEqual([1, 2, 4, 8, 15, 15, 15, 15, 15])
    expect(outbox.faults.x).toMatchObject({failures: 9, sinceMs: 0, why: 'HTTP 500'})
    expect(delivered(outbox, 'x', 'a', TOLD, nowMs).faults).toEqual({})
  })

  it('waits as long as a server asks for, a quarter of an hour at most, and not for longer because a clock was set back', () => {
    const outbox = delivered(enqueue(EMPTY_OUTBOX, [event('a')], ['x']), 'x', 'a', failed({afterMs: 90_000}), 0)
    expect([dueIds(outbox, 89_999), dueIds(outbox, 90_000)]).toEqual([{}, {x: 'a'}])
    expect(dueIds(outbox, -10 * 3_600_000)).toEqual({x: 'a'})
    expect(delivered(outbox, 'x', 'a', failed({afterMs: 1e9}), 0).faults.x?.untilMs).toBe(900_000)
  })

  it('gives up on a message that a target will never take, remembers why, and goes on with the next', () => {
    const outbox = delivered(
      enqueue(EMPTY_OUTBOX, [event('a'), event('b')], ['x']),
      'x',
      'a',
      failed({isForGood: true, why: 'HTTP 404'}),
      5,
    )
    expect(dueIds(outbox, 5)).toEqual({x: 'b'})
    expect(outbox.faults.x).toMatchObject({failures: 1, why: 'HTTP 404'})
  })

  it('forgets targets that are none any more', () => {
    const outbox = delivered(enqueue(EMPTY_OUTBOX, [event('a')], ['x', 'y']), 'x', 'a', failed(), 0)
    expect(onlyFor(outbox, ['y'])).toEqual(enqueue(EMPTY_OUTBOX, [event('a')], ['y']))
    expect(onlyFor(outbox, [])).toEqual(EMPTY_OUTBOX)
  })

  it('tells each target each event exactly once, in order, whatever fails in between', () => {
    const step = fc.record({arrive: fc.nat({max: 3}), outcomes: fc.array(fc.boolean(), {minLength: 4, maxLength: 4})})
    fc.assert(
      fc.property(fc.array(step, {minLength: 1, maxLength: 12}), (steps) => {
        let outbox = EMPTY_OUTBOX
        let nowMs = 0
        let count = 0
        const told: Record<string, string[]> = {x: [], y: []}
        const tick = (outcomes: readonly boolean[]) => {
          let index = 0
          for (const [key, events] of due(outbox, nowMs)) {
            for (const {id} of events) {
              const isTold = outcomes[index++ % outcomes.length] ?? true
              outbox = delivered(outbox, key, id, isTold ? TOLD : failed(), nowMs)
              if (!isTold) break
              told[key]?.push(id)
            }
          }
        }
        for (const {arrive, outcomes} of steps) {
          outbox = enqueue(
            outbox,
            Array.from({length: arrive}, () => event(String(count++))),
            ['x', 'y'],
          )
          tick(outcomes)
          nowMs += 60_000
        }
        nowMs += 3_600_000
        tick([true])
        const all = Array.from({length: count}, (_, index) => String(index))
        expect(told).toEqual({x: all, y: all})
        expect(outbox).toEqual(EMPTY_OUTBOX)
      }),
    )
  })
})
