import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {LastingKind} from '../../src/notify/event.js'
import {type Condition, type NotifyMemory, transition} from '../../src/notify/transition.js'

const MINUTE = 60_000
const REMINDER = 6 * 60 * MINUTE
const bad = (kind: LastingKind, about = 'gateway', sinceMs?: number): Condition => ({about, kind, sinceMs, what: `is ${kind}`})

/** Ticks once a minute from minute 1000 on. What was told: minute, kind, and since which minute. */
function night(ticks: readonly (readonly Condition[])[], everyMs = MINUTE) {
  let memory: NotifyMemory = {}
  return ticks.flatMap((now, index) => {
    const nowMs = 1000 * MINUTE + index * everyMs
    const well = ['gateway', 'discord', 'slack'].filter((about) => !now.some((condition) => condition.about === about))
    const step = transition(memory, {bad: now, well, meant: []}, {nowMs, reminderMs: REMINDER})
    memory = step.memory
    return step.told.map(({kind, about, sinceMs, isReminder}) => {
      const subject = about === 'gateway' ? '' : ` ${about}`
      return `${index}: ${isReminder ? 'still ' : ''}${kind}${subject} since ${(sinceMs - 1000 * MINUTE) / everyMs}`
    })
  })
}

describe('transition', () => {
  it('tells of a gateway that is down when it was so twice, and of its end when that was so twice', () => {
    const down = [bad('down')]
    expect(night([[], down, down, down, [], [], []])).toEqual(['2: down since 1', '5: recovered since 1'])
  })

  it('says nothing of one that was down in a single tick', () => {
    expect(night([[bad('down')], [], [bad('down')], [], []])).toEqual([])
  })

  it('tells at once what was counted by others, and since when that is known', () => {
    expect(night([[bad('fatal-config', 'gateway', 990 * MINUTE)], [], []])).toEqual(['0: fatal-config since -10', '2: recovered since -10'])
  })

  it('tells of the same outage again only when it is bad in another way, and not back', () => {
    const [down, loop] = [[bad('down')], [bad('crash-looping')]]
    expect(night([down, down, loop, down, loop, down, [], down, [], []])).toEqual([
      '1: down since 0',
      '2: crash-looping since 0',
      '9: recovered since 0',
    ])
  })

  it('reminds as long as it lasts', () => {
    const hours = Array.from({length: 15}, () => [bad('down')])
    expect(night(hours, 60 * MINUTE)).toEqual(['1: down since 0', '7: still down since 0', '13: still down since 0'])
  })

  it('keeps each platform apart', () => {
    const discord = bad('platform-down', 'discord')
    expect(night([[discord], [discord, bad('platform-down', 'slack')], [discord], [discord], []])).toEqual([
      ...['0: platform-down discord since 0', '1: platform-down slack since 1', '3: recovered slack since 1'],
    ])
  })

  it('goes by what was told before as long as nothing can be told, and forgets without a word what the operator wants so', () => {
    const down = {gateway: {sinceMs: 1, badTicks: 2, goodTicks: 0, told: ['down' as const], toldMs: 1}}
    const options = {nowMs: 2, reminderMs: REMINDER}
    expect(transition(down, {bad: [], well: [], meant: []}, options)).toEqual({memory: down, told: []})
    expect(transition(down, {bad: [], well: [], meant: ['gateway']}, options)).toEqual({memory: {}, told: []})
  })

  it('never tells a beginning twice without its end, nor an end without its beginning, whatever happens', () => {
    const kinds = fc.constantFrom<LastingKind>('down', 'wedged', 'crash-looping', 'fatal-config', 'start-limit')
    const tick = fc.oneof(
      fc.constant<Condition[]>([]),
      kinds.map((kind) => [bad(kind)]),
    )
    fc.assert(
      fc.property(fc.array(tick, {maxLength: 60}), (ticks) => {
        let open = new Set<string>()
        for (const line of night(ticks)) {
          const kind = /: (?:still )?([\w-]+)/.exec(line)?.[1] ?? ''
          if (kind === 'recovered') {
            expect(open.size).toBeGreaterThan(0)
            open = new Set()
          } else {
            expect(open.has(kind)).toBe(false)
            open.add(kind)
          }
        }
      }),
    )
  })
})
