import {describe, expect, it} from 'vitest'
import type {Plan, Step} from '../../src/plan/plan.js'
import {approvalOf, isApproved, isCovered} from '../../src/setup/tasks.js'

const write = (path: string, text: string): Step => ({kind: 'write-file', why: `write ${path}`, path, text, mode: 0o644})
const run = (...argv: string[]): Step => ({kind: 'run', why: `run ${argv.join(' ')}`, argv, env: {}})
const undo: Step = {kind: 'on-undo', why: 'take it back', run: run('undo')}
const plan = (...steps: Step[]): Plan => ({title: 't', steps, outcome: 'o'})

describe('a repair', () => {
  it('is done by the installation if that takes the same steps, with whatever content', () => {
    const install = plan(write('/a', 'new'), run('reload'), run('enable'))
    expect(isCovered(plan(write('/a', 'old'), run('reload')), install)).toBe(true)
    expect(isCovered(plan(undo, run('enable')), install)).toBe(true)
    expect(isCovered(plan(run('enable'), run('other')), install)).toBe(false)
    expect(isCovered(plan(run('enable')), undefined)).toBe(false)
  })
})

describe('a plan that was made anew', () => {
  const approved = approvalOf([plan(write('/a', 'text'), run('reload')), plan(run('start'), undo)])

  it('may do less than what was shown', () => {
    expect(isApproved(plan(), approved)).toBe(true)
    expect(isApproved(plan(run('start'), write('/a', 'text')), approved)).toBe(true)
  })

  it('may not do more, nor write anything else', () => {
    expect(isApproved(plan(run('start'), run('stop')), approved)).toBe(false)
    expect(isApproved(plan(write('/a', 'another text')), approved)).toBe(false)
    expect(isApproved(plan(write('/b', 'text')), approved)).toBe(false)
  })

  it('may record another moment, and take back other things if it fails', () => {
    const at = (time: string) => write('/record', `{"since":"${time}"}`)
    const shown = approvalOf([plan(at('2026-11-22T10:53:59.558Z'))])
    expect(isApproved(plan(at('2026-11-22T10:54:07.001Z'), undo), shown)).toBe(true)
  })
})
