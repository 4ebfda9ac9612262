import {describe, expect, it} from 'vitest'
import {CRASH_LOOP_FAILURES} from '../../src/observe/assess.js'
import type {SeenGateway} from '../../src/observe/look.js'
import {type Known, sightOf} from '../../src/notify/conditions.js'

const MINUTE = 60_000
const PID = 7

/** A service that runs well on a machine that has been up for a day, but for what is said. */
function known({state = 'alive', platforms = {}, ...more}: Partial<Known> & {state?: string; platforms?: Record<string, object>}): Known {
  const said = Object.entries(platforms).map(([name, platform]) => ({
    name,
    state: undefined,
    word: undefined,
    needsAttention: false,
    ...platform,
  }))
  const value = {gatewayState: 'running', process: {pid: PID}, platforms: said, updatedAt: undefined}
  const seen = {
    verdict: {state, pid: state === 'dead' ? undefined : PID, evidence: ['seen']},
    gateway: {state: {kind: 'present', value}},
  } as unknown as SeenGateway
  return {
    ...{seen, moment: {nowMs: 1000 * MINUTE, ageMs: 600 * MINUTE}, isStopMeant: false, failuresInARow: 0, startedForMs: undefined},
    ...{endedMs: undefined, wasOom: false, awakeForMs: 1440 * MINUTE, tickEveryMs: MINUTE, keptDown: undefined, ...more},
  }
}

const kinds = (one: Parameters<typeof known>[0]) => sightOf(known(one)).bad.map(({kind, about}) => `${kind} ${about}`)

describe('what is bad with a service', () => {
  it.each<[string, Parameters<typeof known>[0], string[]]>([
    ['one that lives', {}, []],
    ['one that is dead', {state: 'dead'}, ['down gateway']],
    ['one that is wedged', {state: 'wedged'}, ['wedged gateway']],
    ['one of which nothing can be told', {state: 'unknown'}, []],
    ['one that ended with 78', {state: 'dead', keptDown: 'fatal-config'}, ['fatal-config gateway']],
    ['one that its manager starts no more', {state: 'dead', keptDown: 'start-limit'}, ['start-limit gateway']],
    ['one that fails again and again', {state: 'dead', failuresInARow: CRASH_LOOP_FAILURES}, ['crash-looping gateway']],
    [
      'one that failed again and again and was let go a second ago: it starts, or its end is being noted',
      {state: 'dead', failuresInARow: CRASH_LOOP_FAILURES, startedForMs: 1000},
      [],
    ],
    ['one that was let go a minute ago and has written nothing yet', {state: 'dead', startedForMs: MINUTE}, []],
    ['one that was let go long ago and has written nothing', {state: 'dead', startedForMs: 3 * MINUTE}, ['down gateway']],
    ['one that the operator has stopped', {state: 'dead', isStopMeant: true}, []],
    ['one that is wedged and is to be stopped', {state: 'wedged', isStopMeant: true}, []],
    ['one on a machine that has just come up', {state: 'dead', awakeForMs: 2 * MINUTE}, []],
  ])('%s', (_, one, bad) => {
    expect(kinds(one)).toEqual(bad)
  })

  it.each<Parameters<typeof known>[0]>([{}, {failuresInARow: CRASH_LOOP_FAILURES}, {keptDown: 'start-limit'}])(
    'is told with what ended it, where that was the kernel: %j',
    (one) => {
      const why = /; it was killed by the kernel for lack of memory$/
      expect(sightOf(known({state: 'dead', wasOom: true, ...one})).bad).toMatchObject([{what: expect.stringMatching(why) as string}])
      expect(sightOf(known({state: 'dead', ...one})).bad[0]?.what).not.toMatch(why)
    },
  )

  it('is told since the end that was recorded', () => {
    expect(sightOf(known({state: 'dead', endedMs: 5})).bad).toMatchObject([{sinceMs: 5}])
  })

  it('is a platform that is given up, or out of reach for long, and none that reconnects', () => {
    const since = (minutes: number) => (1000 - minutes) * 60
    const platforms = {
      slack: {word: 'fatal', errorMessage: 'invalid\u001b[31m token', updatedAt: since(5)},
      discord: {word: 'retrying', retryingSince: since(20)},
      matrix: {word: 'retrying', retryingSince: since(5)},
      telegram: {word: 'connected'},
      signal: {word: 'paused'},
    }
    const sight = sightOf(known({platforms}))
    expect(sight.bad.map(({about, kind, sinceMs}) => [about, kind, sinceMs])).toEqual([
      ['slack', 'platform-down', 995 * MINUTE],
      ['discord', 'platform-down', 980 * MINUTE],
    ])
    expect(sight.bad[0]?.what).toMatch(/^has no connection to slack and no longer tries to connect: invalid.*token$/)
    expect(sight.bad[0]?.what).not.toContain('\u001b')
    // What reconnects is neither bad nor well.
    expect(sight.well).toEqual(['gateway', 'telegram'])
    expect(sight.meant).toEqual(['signal'])
  })

  it('is over only when one that failed often has lived for a while', () => {
    const failed = {failuresInARow: CRASH_LOOP_FAILURES}
    expect(sightOf(known({...failed, moment: {nowMs: 0, ageMs: MINUTE}})).well).toEqual([])
    expect(sightOf(known({...failed, moment: {nowMs: 0, ageMs: 10 * MINUTE}})).well).toEqual(['gateway'])
  })

  it('forgets all of it when the operator has it stopped', () => {
    expect(sightOf(known({state: 'dead', isStopMeant: true}))).toEqual({bad: [], well: [], meant: 'everything'})
  })

  it('knows all platforms that there are of a gateway that is past its first minutes, and says so of none that has not named any yet', () => {
    const platforms = {slack: {state: 'connected'}, signal: {state: 'paused'}}
    expect(sightOf(known({platforms})).all).toEqual(['gateway', 'slack', 'signal'])
    expect(sightOf(known({platforms, moment: {nowMs: 1000 * MINUTE, ageMs: MINUTE}})).all).toBeUndefined()
  })
})
