import {describe, expect, it} from 'vitest'
import {judgeLoop, type LoopSample} from '../../src/gateway/loop.js'

/** Samples as they were measured on a real gateway 0.16, `count` of them over 3 s. */
function samples(first: Partial<LoopSample>, last: Partial<LoopSample>, count = 4): LoopSample[] {
  const base: LoopSample = {atMs: 0, state: 'S', voluntarySwitches: 100, userTicks: 50, waitsIn: undefined}
  return Array.from({length: count}, (_, index) => ({
    ...base,
    ...(index === 0 ? first : {...first, ...last}),
    atMs: (3000 * index) / (count - 1),
  }))
}

describe('judgeLoop', () => {
  it('takes one look at a thread that waits for events for proof', () => {
    expect(judgeLoop(samples({waitsIn: 'do_epoll_wait'}, {}, 2).slice(0, 1)).loop).toBe('alive')
  })

  it('takes one such look among many for proof', () => {
    const seen = samples({waitsIn: 'hrtimer_nanosleep'}, {})
    expect(judgeLoop([...seen.slice(0, 2), {...seen[2]!, waitsIn: 'do_epoll_wait'}, seen[3]!]).loop).toBe('alive')
  })

  it('calls a loop blocked that sleeps elsewhere and never switches', () => {
    expect(judgeLoop(samples({waitsIn: 'hrtimer_nanosleep'}, {}))).toMatchObject({
      loop: 'blocked',
      evidence: 'its event loop is blocked (in hrtimer_nanosleep): 0 voluntary switches and 0 ms of CPU in 3.0 s',
    })
  })

  it('calls a loop spinning that is ready to run each time', () => {
    expect(judgeLoop(samples({state: 'R'}, {voluntarySwitches: 118, userTicks: 351})).loop).toBe('spinning')
  })

  it.each([
    ['it switched meanwhile', samples({waitsIn: 'futex_wait_queue'}, {voluntarySwitches: 101})],
    ['where it sleeps may not be seen', samples({}, {})],
    [
      'it was ready to run only now and then',
      [...samples({waitsIn: 'futex_wait_queue'}, {voluntarySwitches: 103}), ...samples({state: 'R'}, {}, 2).slice(0, 1)],
    ],
    // Seen of a healthy gateway on two cores with a load of 19: it slept 271 times in 5 s, and had to wait for a core after each.
    ['it was ready each time, and slept often for the little that it ran', samples({state: 'R'}, {voluntarySwitches: 371, userTicks: 71})],
    ['there is one sample', samples({waitsIn: 'hrtimer_nanosleep'}, {}, 2).slice(0, 1)],
    ['there is none', []],
  ])('cannot tell where %s', (_, seen) => {
    expect(judgeLoop(seen).loop).toBe('unknown')
  })
})
