import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  afterKill,
  afterTick,
  parseMemory,
  pauseAfter,
  type Sighting,
  type WatchdogMemory,
  YOUNG_MS,
} from '../../src/tick/watchdog-memory.js'
import {inCampaign} from '../support/campaign.js'

const MINUTE_MS = 60_000

const wedged = (startTime = 5000): Sighting => ({pid: 42, startTime, isWedged: true, ageMs: YOUNG_MS})

interface FakeTick {
  readonly afterMs: number
  readonly seen: Sighting | undefined
}

/** Runs ticks one after the other; the times of those that killed, in ms. */
function run(ticks: readonly FakeTick[], limit: number): number[] {
  let memory: WatchdogMemory | undefined
  let nowMs = 1_000_000
  const kills: number[] = []
  for (const {afterMs, seen} of ticks) {
    nowMs += afterMs
    const decision = afterTick(memory, seen, limit, nowMs)
    memory = decision.memory ?? memory
    if (!decision.kill || !memory) continue
    kills.push(nowMs)
    memory = afterKill(memory, nowMs)
  }
  return kills
}

describe('the watchdog', () => {
  it('kills at the tick that completes the row, not before', () => {
    for (const limit of [1, 2, 3, 7]) {
      const ticks = Array.from({length: limit}, () => ({afterMs: MINUTE_MS, seen: wedged()}))
      expect(run(ticks.slice(1), limit)).toEqual([])
      expect(run(ticks, limit)).toHaveLength(1)
    }
  })

  it.each<[string, Sighting | undefined]>([
    ['was alive', {...wedged(), isWedged: false}],
    ['was gone', undefined],
    ['was another process', wedged(5001)],
    ['was young', {...wedged(), ageMs: YOUNG_MS - 1}],
  ])('begins to count anew after a tick that says it %s', (_, other) => {
    const ticks = [wedged(), wedged(), other, wedged(), wedged()].map((seen) => ({afterMs: MINUTE_MS, seen}))
    expect(run(ticks, 3)).toEqual([])
    expect(run([...ticks, {afterMs: MINUTE_MS, seen: wedged()}], 3)).toHaveLength(1)
  })

  it('never kills a young gateway, whatever it does', () => {
    const ticks = Array.from({length: 50}, () => ({afterMs: 100, seen: {...wedged(), ageMs: YOUNG_MS - 1}}))
    expect(run(ticks, 1)).toEqual([])
  })

  it('waits ever longer where killing does not help, and says how long', () => {
    let startTime = 0
    const ticks = Array.from({length: 3000}, () => ({afterMs: MINUTE_MS, seen: wedged((startTime += 1))}))
    const kills = run(ticks, 1)
    const pauses = kills.slice(1).map((at, index) => (at - (kills[index] ?? 0)) / MINUTE_MS)
    expect(pauses.slice(0, 7)).toEqual([10, 20, 40, 80, 160, 320, 360])
    const soon = afterTick({...NONE, kills: 1, lastKillMs: 1000}, wedged(), 1, 1000 + 4 * MINUTE_MS)
    expect(soon).toMatchObject({kill: false, heldBackMs: 6 * MINUTE_MS})
  })

  it('forgets kills that are long ago', () => {
    const memory: WatchdogMemory = {...NONE, kills: 4, lastKillMs: 0}
    expect(afterKill(memory, 2 * pauseAfter(4))).toMatchObject({kills: 1})
    expect(afterKill(memory, 2 * pauseAfter(4) - 1)).toMatchObject({kills: 5})
  })

  it('never kills twice within ten minutes, nor without a whole row of proofs, whatever it sees and whenever', () => {
    const ageMs = fc.constantFrom(0, YOUNG_MS, 10 ** 9)
    const arbitrarySighting = fc.option(
      fc.record({pid: fc.constantFrom(42, 43), startTime: fc.constantFrom(1, 2), isWedged: fc.boolean(), ageMs}),
      {nil: undefined},
    )
    const arbitraryTick = fc.record({afterMs: fc.integer({min: -20 * MINUTE_MS, max: 20 * MINUTE_MS}), seen: arbitrarySighting})
    fc.assert(
      fc.property(fc.array(arbitraryTick, {maxLength: 60}), fc.integer({min: 1, max: 4}), (ticks, limit) => {
        const isMonotonic = ticks.every(({afterMs}) => afterMs >= 0)
        let memory: WatchdogMemory | undefined
        let nowMs = 10 ** 9
        let lastKillMs: number | undefined
        let row: Sighting[] = []
        for (const {afterMs, seen} of ticks) {
          nowMs += afterMs
          const isProof = seen?.isWedged === true && seen.ageMs >= YOUNG_MS
          const isSame = seen?.pid === row[0]?.pid && seen?.startTime === row[0]?.startTime
          row = isProof && seen ? (isSame ? [...row, seen] : [seen]) : []
          const decision = afterTick(memory, seen, limit, nowMs)
          memory = decision.memory ?? memory
          if (!decision.kill || !memory) continue
          expect(row.length).toBeGreaterThanOrEqual(limit)
          if (lastKillMs !== undefined && isMonotonic) expect(nowMs - lastKillMs).toBeGreaterThanOrEqual(10 * MINUTE_MS)
          lastKillMs = nowMs
          memory = parseMemory(JSON.stringify(afterKill(memory, nowMs)))
          row = []
        }
      }),
      {numRuns: inCampaign(2000, 200)},
    )
  })

  it('kills a gateway that stays wedged again and again, and never twice within ten minutes', () => {
    const times = fc.array(fc.integer({min: 0, max: 20 * MINUTE_MS}), {minLength: 40, maxLength: 60})
    fc.assert(
      fc.property(times, fc.integer({min: 1, max: 2}), (pauses, limit) => {
        // The last one comes after any pause there is.
        const ticks = [...pauses, pauseAfter(60), 0].map((afterMs) => ({afterMs, seen: wedged()}))
        const kills = run(ticks, limit)
        expect(kills.length).toBeGreaterThan(1)
        expect(kills.slice(1).filter((at, index) => at - (kills[index] ?? 0) < 10 * MINUTE_MS)).toEqual([])
      }),
      {numRuns: inCampaign(2000, 200)},
    )
  })

  it('takes a memory that is damaged for none', () => {
    const wrong = [
      {...NONE, kills: -1},
      {...NONE, pid: '1'},
    ].map((memory) => JSON.stringify(memory))
    const damaged = [undefined, '', '{', '[]', 'null', '{"pid":1}', ...wrong]
    for (const text of damaged) expect(parseMemory(text)).toBeUndefined()
    expect(parseMemory(JSON.stringify(NONE))).toEqual(NONE)
  })
})

const NONE: WatchdogMemory = {pid: 0, startTime: 0, wedgedTicks: 0, kills: 0, lastKillMs: 0}
