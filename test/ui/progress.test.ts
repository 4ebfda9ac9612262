import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {during, progressOnStderr, type ProgressPlace, stepReporter} from '../../src/ui/progress.js'
import {FakeHost} from '../fakes/fake-host.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function placeOf(isTty: boolean, columns?: number) {
  let written = ''
  const place: ProgressPlace = {write: (text) => (written += text), isTty, columns, nowMs: () => performance.now()}
  return {place, pass: (ms: number) => vi.advanceTimersByTime(ms), written: () => written}
}

function reporter(isTty: boolean, columns?: number) {
  const shown = placeOf(isTty, columns)
  return {...shown, listener: stepReporter(shown.place)}
}

describe('on a terminal', () => {
  it('one line shows what is being done, and is replaced by what was done', () => {
    const {listener, written} = reporter(true)
    listener.begin('stop it')
    listener.progress('pid 5 says draining')
    listener.end('stop it', 1500, 'done')
    expect(written().split('\r\u001b[K')).toEqual(['', '  …  stop it', '  …  pid 5 says draining', '  done  stop it (1.5 s)\n'])
  })

  it('the time that a step has taken so far is told, also if it says nothing', () => {
    const {listener, pass, written} = reporter(true)
    listener.begin('start it')
    pass(1600)
    listener.end('start it', 1600, 'done')
    expect(written().split('\r\u001b[K').slice(2)).toEqual([
      '  …  start it (0.5 s)',
      '  …  start it (1.0 s)',
      '  …  start it (1.5 s)',
      '  done  start it (1.6 s)\n',
    ])
    pass(5000)
    expect(written()).toMatch(/\(1\.6 s\)\n$/)
  })

  it('the line that is rewritten is never wider than the terminal', () => {
    const {listener, written} = reporter(true, 20)
    listener.begin('write /home/alice/.config/systemd/user')
    expect(written()).toBe('\r\u001b[K  …  write /home/a…')
  })

  it('a step that changed nothing leaves no trace', () => {
    const {listener, written} = reporter(true)
    listener.begin('make /x')
    listener.end('make /x', 0, 'unchanged')
    expect(written()).toMatch(/\r\u001b\[K$/)
    expect(written()).not.toContain('\n')
  })
})

describe('elsewhere', () => {
  it('only what was done is said, without control characters', () => {
    const {listener, written} = reporter(false)
    listener.begin('write /x')
    listener.end('write /x', 499, 'done')
    listener.begin('make /y')
    listener.end('make /y', 0, 'unchanged')
    listener.begin('start it')
    listener.end('start it', 500, 'failed')
    expect(written()).toBe('  done  write /x\n  FAILED  start it (0.5 s)\n')
  })

  it('a long wait is said now and then', () => {
    const {listener, pass, written} = reporter(false)
    listener.begin('wait')
    for (let second = 1; second <= 12; second++) {
      pass(1000)
      listener.progress(`look ${second}`)
    }
    listener.end('wait', 12_000, 'unchanged')
    expect(written()).toBe('  …  look 4 (5.0 s)\n  …  look 9 (10 s)\n')
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
    expect(written().split('\r\u001b[K')).toEqual(['', '  …  look (0.5 s)', '  …  look (1.0 s)', ''])
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
