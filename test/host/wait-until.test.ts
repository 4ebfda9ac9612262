import {describe, expect, it} from 'vitest'
import {waitUntil} from '../../src/host/wait-until.js'
import {FakeHost} from '../fakes/fake-host.js'

describe('waitUntil', () => {
  it('has the first answer that is one: not undefined, and not false', async () => {
    const answers = [undefined, false, 0, 'later'] as const
    let asked = 0
    expect(await waitUntil<string | number>(new FakeHost(), {limitMs: 1000}, () => answers[asked++])).toBe(0)
    expect(asked).toBe(3)
  })

  it('asks once where there is no time, and once more when the time is over', async () => {
    let asked = 0
    const never = () => {
      asked += 1
      return undefined
    }
    expect(await waitUntil(new FakeHost(), {limitMs: 0}, never)).toBeUndefined()
    expect(asked).toBe(1)
    expect(await waitUntil(new FakeHost(), {limitMs: 250, everyMs: 100}, never)).toBeUndefined()
    expect(asked).toBe(1 + 4)
  })

  it('says before each pause how much time is left', async () => {
    const left: number[] = []
    await waitUntil(new FakeHost(), {limitMs: 250, everyMs: 100, onWait: (ms) => left.push(ms)}, () => false)
    expect(left).toEqual([250, 150, 50])
  })

  it('ends with the reason of its signal', async () => {
    const over = new AbortController()
    const wait = waitUntil(new FakeHost(), {limitMs: 1000, signal: over.signal}, () => {
      over.abort(new Error('the operator has had enough'))
      return undefined
    })
    await expect(wait).rejects.toThrow('the operator has had enough')
  })
})
