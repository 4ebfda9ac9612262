import {describe, expect, it} from 'vitest'
import {DEFAULT_BRAKE_LIMITS, describeBrake, judgeBrake, readBrake, readBrakeLimits} from '../../src/gateway/respawn-brake.js'
import {HostError} from '../../src/host/host.js'
import {FakeHost} from '../fakes/fake-host.js'

const NOW_SEC = 1_800_000_000
/** Starts so many seconds ago, oldest first. */
const ago = (...seconds: number[]) => seconds.map((second) => NOW_SEC - second)
const judged = (starts: readonly number[], upSec = 10) => judgeBrake(starts, NOW_SEC * 1000, upSec * 1000, DEFAULT_BRAKE_LIMITS)

describe("the gateway's own brake", () => {
  it.each<[string, readonly number[], number | undefined]>([
    ['none', [], undefined],
    ['five starts in two minutes', ago(80, 60, 40, 20, 0), undefined],
    ['six', ago(100, 80, 60, 40, 20, 0), 10],
    ['seven', ago(110, 100, 80, 60, 40, 20, 0), 20],
    ['ten', ago(...Array.from({length: 10}, (_, index) => 90 - index * 10)), 160],
    ['eleven', ago(...Array.from({length: 11}, (_, index) => 100 - index * 10)), 300],
    ['forty', ago(...Array.from({length: 40}, (_, index) => 39 - index)), 300],
    ['six, the first of them too long before the last', ago(121, 80, 60, 40, 20, 0), undefined],
    ['six, some seconds ago', ago(104, 84, 64, 44, 24, 4), 6],
    ['six, whose sleep is over', ago(110, 90, 70, 50, 30, 10), undefined],
    ['six, all of earlier gateways', ago(113, 93, 73, 53, 33, 13), undefined],
    ['six, the last in a future that a clock was set back from', ago(20, 15, 10, 5, 0, -60), undefined],
  ])('after %s lasts so long', (_, starts, leftSec) => {
    expect(judged(starts)?.leftMs).toBe(leftSec === undefined ? undefined : leftSec * 1000)
  })

  it('is told in words', () => {
    expect(describeBrake({starts: 7, windowSec: 120, leftMs: 159_100})).toBe(
      'the gateway delays its own start after 7 starts within 2 min; 160 s left',
    )
    expect(describeBrake({starts: 3, windowSec: 90, leftMs: 1})).toBe(
      'the gateway delays its own start after 3 starts within 90 s; 1 s left',
    )
  })

  it.each<[string, {config?: string; dotenv?: string; environment?: string[]}, [number, number]]>([
    ['nothing', {}, [5, 120]],
    ['config.yaml', {config: 'gateway:\n  port: 1\n  respawn_storm:\n    max_starts: 12\n    window_seconds: 30.5\n'}, [12, 30.5]],
    ['config.yaml in part', {config: 'gateway:\n  respawn_storm: {max_starts: 0}\n'}, [0, 120]],
    ['what are no such numbers', {config: 'gateway:\n  respawn_storm: {max_starts: 2.5, window_seconds: soon}\n'}, [5, 120]],
    [
      'variables of the definition',
      {
        config: 'gateway: {respawn_storm: {max_starts: 12, window_seconds: 30}}',
        environment: ['HERMES_GATEWAY_MAX_STARTS=2', 'HERMES_GATEWAY_MAX_STARTS=3'],
      },
      [3, 30],
    ],
    [
      'variables of .env',
      {
        dotenv: 'HERMES_GATEWAY_MAX_STARTS=-1\nHERMES_GATEWAY_START_WINDOW_S=60\n',
        environment: ['HERMES_GATEWAY_MAX_STARTS=3', 'HERMES_GATEWAY_START_WINDOW_S=1'],
      },
      [-1, 60],
    ],
    [
      'a variable that is no number',
      {config: 'gateway: {respawn_storm: {max_starts: 4}}', dotenv: 'HERMES_GATEWAY_MAX_STARTS=x'},
      [4, 120],
    ],
  ])('has the limits of %s', (_, {config, dotenv, environment = []}, [maxStarts, windowSec]) => {
    const host = new FakeHost()
    if (config !== undefined) host.put('/h/config.yaml', config)
    if (dotenv !== undefined) host.put('/h/.env', dotenv)
    expect(readBrakeLimits(host, '/h', environment)).toEqual({maxStarts, windowSec})
  })

  it.each([
    ['more starts are allowed', {maxStarts: 6, windowSec: 120}, undefined],
    ['fewer are', {maxStarts: 4, windowSec: 120}, 20],
    ['a shorter time counts', {maxStarts: 5, windowSec: 90}, undefined],
    ['it is switched off', {maxStarts: 0, windowSec: 120}, undefined],
  ])('holds to the limits of its home: %s', (_, limits, leftSec) => {
    const brake = judgeBrake(ago(100, 80, 60, 40, 20, 0), NOW_SEC * 1000, 10_000, limits)
    expect(brake?.leftMs).toBe(leftSec === undefined ? undefined : leftSec * 1000)
  })

  it('is read from the end of the ledger; lines that are none count for nothing, and a ledger that cannot be read tells nothing', () => {
    const host = new FakeHost()
    const nowSec = host.nowMs() / 1000
    host.put('/h/gateway-starts.log', `${[100, 80, 60, 40, 20, 0].map((second) => nowSec - second).join('\n')}\nnonsense\n\n`)
    expect(readBrake(host, '/h', 3000, [])).toEqual({starts: 6, windowSec: 120, leftMs: 10_000})
    expect(readBrake(host, '/h', 3000, ['HERMES_GATEWAY_MAX_STARTS=6'])).toBeUndefined()
    expect(readBrake(host, '/other', 3000, [])).toBeUndefined()
    host.readTail = () => {
      throw new HostError('EACCES', '/h', 'cannot read')
    }
    expect(readBrake(host, '/h', 3000, [])).toBeUndefined()
  })
})
