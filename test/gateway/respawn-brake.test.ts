import {describe, expect, it} from 'vitest'
import {describeBrake, judgeBrake, readBrake} from '../../src/gateway/respawn-brake.js'
import {HostError} from '../../src/host/host.js'
import {FakeHost} from '../fakes/fake-host.js'

const NOW_SEC = 1_800_000_000
/** Starts so many seconds ago, oldest first. */
const ago = (...seconds: number[]) => seconds.map((second) => NOW_SEC - second)
const judged = (starts: readonly number[], upSec = 10) => judgeBrake(starts, NOW_SEC * 1000, upSec * 1000)

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
    expect(describeBrake({starts: 7, leftMs: 159_100})).toBe('it backs off by itself after 7 starts within 2 min; 160 s left')
  })

  it('is read from the end of the ledger; lines that are none count for nothing, and a ledger that cannot be read tells nothing', () => {
    const host = new FakeHost()
    const nowSec = host.nowMs() / 1000
    host.put('/h/gateway-starts.log', `${[100, 80, 60, 40, 20, 0].map((second) => nowSec - second).join('\n')}\nnonsense\n\n`)
    expect(readBrake(host, '/h', 3000)).toEqual({starts: 6, leftMs: 10_000})
    expect(readBrake(host, '/other', 3000)).toBeUndefined()
    host.readTail = () => {
      throw new HostError('EACCES', '/h', 'cannot read')
    }
    expect(readBrake(host, '/h', 3000)).toBeUndefined()
  })
})
