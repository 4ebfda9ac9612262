import {describe, expect, it} from 'vitest'
import type {Plan} from '../../src/plan/plan.js'
import {confirmPlan} from '../../src/ui/confirm.js'
import {FakeHost} from '../fakes/fake-host.js'

const PLAN: Plan = {title: 'fix it', steps: [], outcome: 'it is fixed'}

describe('a confirmation', () => {
  it('is given by --yes, on a terminal or without one', async () => {
    expect(await confirmPlan(new FakeHost(), PLAN, true)).toBe(true)
  })

  it.each([
    {stdinIsTty: false, stderrIsTty: true},
    {stdinIsTty: true, stderrIsTty: false},
  ])('that nobody can give is wrong usage, and says what to type: %o', async (terminal) => {
    const host = Object.assign(new FakeHost(), terminal)
    await expect(confirmPlan(host, PLAN, false)).rejects.toMatchObject({
      ...{exitStatus: 2, code: 'usage', message: 'hermes-svc must ask before it does this, and there is no terminal: fix it'},
      next: ['run the same command with --yes   # answers yes', 'run the same command with --dry-run   # only shows what would change'],
    })
  })
})
