import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {during, progressOnStderr, type ProgressPlace, type ReporterOptions, stepReporter} from '../../src/ui/progress.js'
import {FakeHost} from '../fakes/fake-host.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function placeOf(isTty: boolean, columns?: number) {
  let written = ''
  const place: ProgressPlace = {write: (text) => (written += text), isTty, columns, nowMs: () => performance.now()}
  return {place, pass: (ms: number) => vi.advanceTimersByTime(ms), written: () => written}
}

function reporter(isTty: boolean, columns?: number, options: ReporterOptions = {}) {
  const shown = placeOf(isTty, columns)
  return {...shown, listener: stepReporter(shown.place, options)}
}

describe('on a terminal', () => {
  it('one line shows what is being done, and is replaced by what was done', () => {
    const {listener, written} = reporter(true)
    listener.begin({why: 'stop it'})
    listener.progress('pid 5 says draining')
    listener.end({why: 'stop it'}, 1500, 'done')
    expect(written().split('\r\u001b[K')).toEqual(['', '… Stop it', '… pid 5 says draining', '✓ Stop it (1.5 s)\n'])
  })

  it('the time that a step has taken so far is told, also if it says nothing', () => {
    const {listener, pass, written} = reporter(true)
    listener.begin({why: 'start it'})
    pass(1600)
    listener.end({why: 'start it'}, 1600, 'done')
    expect(written().split('\r\u001b[K').slice(2)).toEqual([
      '… Start it (0.5 s)',
      '… Start it (1.0 s)',
      '… Start it (1.5 s)',
      '✓ Start it (1.6 s)\n',
    ])
    pass(5000)
    expect(written()).toMatch(/\(1\.6 s\)\n$/)
  })

  it('the line that is rewritten is never wider than the terminal', () => {
    const {listener, written} = reporter(true, 20)
    listener.begin({why: 'write /home/alice/.config/systemd/user'})
    expect(written()).toBe('\r\u001b[K… Write /home/alic…')
  })

  it('a step that changed nothing leaves no trace', () => {
    const {listener, written} = reporter(true)
    listener.begin({why: 'make /x'})
    listener.end({why: 'make /x'}, 0, 'unchanged')
    expect(written()).toMatch(/\r\u001b\[K$/)
    expect(written()).not.toContain('\n')
  })
})

describe('elsewhere', () => {
  it('only what was done is said, without control characters', () => {
    const {listener, written} = reporter(false)
    listener.begin({why: 'write /x'})
    listener.end({why: 'write /x'}, 499, 'done')
    listener.begin({why: 'make /y'})
    listener.end({why: 'make /y'}, 0, 'unchanged')
    listener.begin({why: 'start it'})
    listener.end({why: 'start it'}, 500, 'failed')
    expect(written()).toBe('✓ Write /x (0.5 s)\n✗ failed: Start it (0.5 s)\n')
  })

  it('a long wait is said now and then', () => {
    const {listener, pass, written} = reporter(false)
    listener.begin({why: 'wait'})
    for (let second = 1; second <= 12; second++) {
      pass(1000)
      listener.progress(`look ${second}`)
    }
    listener.end({why: 'wait'}, 12_000, 'unchanged')
    expect(written()).toBe('… look 4 (5.0 s)\n… look 9 (10 s)\n')
  })
})

describe('phases', () => {
  const WRITE = 'Write the unit'
  const START = 'Start the gateway'

  it('are a line each, with the time that all of their steps took', () => {
    const {listener, pass, written} = reporter(false)
    for (const why of ['make /x', 'write /x/unit']) {
      listener.begin({why, phase: WRITE})
      pass(700)
      listener.end({why, phase: WRITE}, 700, 'done')
    }
    listener.begin({why: 'start it', phase: START})
    pass(100)
    listener.end({why: 'start it', phase: START}, 100, 'done')
    expect(written()).toBe('✓ Write the unit (1.4 s)\n')
    listener.close()
    expect(written()).toBe('✓ Write the unit (1.4 s)\n✓ Start the gateway (0.1 s)\n')
  })

  it('in which nothing changed are not said', () => {
    const {listener, written} = reporter(false)
    listener.begin({why: 'write /x', phase: WRITE})
    listener.end({why: 'write /x', phase: WRITE}, 5, 'unchanged')
    listener.close()
    expect(written()).toBe('')
  })

  it('that fail say at which of their steps, and nothing after that', () => {
    const {listener, written} = reporter(false)
    listener.begin({why: 'write /x', phase: WRITE})
    listener.end({why: 'write /x', phase: WRITE}, 5, 'done')
    listener.begin({why: 'have systemd read it', phase: WRITE})
    listener.end({why: 'have systemd read it', phase: WRITE}, 30, 'failed')
    listener.close()
    expect(written()).toBe('✗ failed: Write the unit: have systemd read it (0.0 s)\n')
  })

  it('stand on a terminal with what is being waited for, and keep their time over their steps', () => {
    const {listener, pass, written} = reporter(true)
    listener.begin({why: 'ask it', phase: START})
    pass(400)
    listener.end({why: 'ask it', phase: START}, 400, 'done')
    listener.begin({why: 'wait', phase: START})
    pass(600)
    listener.progress('the service is starting')
    expect(written().split('\r\u001b[K').at(-1)).toBe('… Start the gateway: the service is starting (1.0 s)')
  })

  it('show each of their steps with --verbose', () => {
    const {listener, written} = reporter(false, undefined, {eachStep: true})
    listener.begin({why: 'write /x', phase: WRITE})
    listener.end({why: 'write /x', phase: WRITE}, 5, 'done')
    listener.close()
    expect(written()).toBe('  - write /x\n✓ Write the unit (0.0 s)\n')
  })
})

describe('what takes a while', () => {
  it('is said on a terminal after half a second, with the time, and taken away again', async () => {
    const {place, written} = placeOf(true)
    const result = during(place, 'look', () => new Promise((resolve) => setTimeout(() => resolve(42), 1200)))
    await vi.advanceTimersByTimeAsync(499)
    expect(written()).toBe('')
    await vi.advanceTimersByTimeAsync(1000)
    expect(await result).toBe(42)
    expect(written().split('\r\u001b[K')).toEqual(['', '… look (0.5 s)', '… look (1.0 s)', ''])
  })

  it('leaves no trace if it is quick or fails at once', async () => {
    const {place, pass, written} = placeOf(true)
    await during(place, 'look', () => Promise.resolve())
    await expect(during(place, 'look', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    pass(10_000)
    expect(written()).toBe('')
  })
})

describe('progress on stderr', () => {
  it.each([
    ['a terminal', {stderrIsTty: true, stderrColumns: 80}, false, true],
    ['no terminal', {}, false, false],
    ['a terminal that cannot go back', {stderrIsTty: true, env: {TERM: 'dumb'}}, false, false],
    ['a terminal on which other lines appear', {stderrIsTty: true}, true, false],
  ])('rewrites a line or not, on %s', (_, machine, isShared, isRewritten) => {
    const {isTty, columns} = progressOnStderr(new FakeHost(machine), isShared)
    expect({isTty, columns}).toEqual({isTty: isRewritten, columns: isRewritten ? 80 : undefined})
  })
})
