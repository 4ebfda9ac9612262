import {describe, expect, it} from 'vitest'
import {stepReporter} from '../../src/ui/progress.js'

function reporter(isTty: boolean) {
  let nowMs = 0
  let written = ''
  const listener = stepReporter(
    (text) => (written += text),
    isTty,
    () => nowMs,
  )
  return {
    listener,
    pass: (ms: number) => (nowMs += ms),
    written: () => written,
  }
}

describe('on a terminal', () => {
  it('one line shows what is being done, and is replaced by what was done', () => {
    const {listener, written} = reporter(true)
    listener.begin('stop it')
    listener.progress('pid 5 says draining')
    listener.end('stop it', 1500, 'done')
    expect(written().split('\r\u001b[K')).toEqual(['', '  …  stop it', '  …  pid 5 says draining', '  done  stop it (1.5 s)\n'])
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
      listener.progress(`${second} s`)
    }
    expect(written()).toBe('  …  5 s\n  …  10 s\n')
  })
})
