import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {describePolicy} from '../../../src/managers/systemd/policy-comment.js'
import {DEFAULT_RESTART_POLICY, delayMs} from '../../../src/service/restart-policy.js'
import {policies} from '../../support/policies.js'

describe('describePolicy', () => {
  it('does the arithmetic of the default policy', () => {
    expect(describePolicy(DEFAULT_RESTART_POLICY).join(' ')).toBe(
      'Every end is followed by a restart 0.1 s later (RestartSec); a planned one (exit 75 of a gateway that ran) waits no longer. ' +
        'After failures in a row the start itself waits (ExecStartPre): 1, 2, 4, 8, 16, 32, 64 s, and 120 s from failure 8 on. ' +
        'The cap is reached after 127.7 s of waiting; from then on that is at most 29 starts an hour, and the ' +
        'gateway is back within 120 s of the cause being gone. 300 s up, or a stop, and the count is forgotten. ' +
        'systemd counts planned restarts too, so any limit of its own would sooner or later leave a healthy gateway dead: ' +
        'StartLimitIntervalSec=0 switches it off, and StartLimitBurst=100 counts only where somebody sets an interval again.',
    )
  })

  it('says so when the first wait is the cap already', () => {
    expect(describePolicy({...DEFAULT_RESTART_POLICY, firstMs: 500, capMs: 500}).join(' ')).toContain(
      'After a failure the start itself waits (ExecStartPre): 0.5 s each time.',
    )
  })

  it('gives lines that fit into a comment, and names the failure from which on the cap holds', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const lines = describePolicy(policy)
        for (const line of lines) {
          expect(line).not.toMatch(/[\r\n]|NaN|undefined|Infinity/)
          expect(line.length).toBeLessThanOrEqual(120)
        }
        const atCap = Number(/from failure (\d+) on/.exec(lines.join(' '))?.[1] ?? 1)
        expect(delayMs(policy, atCap)).toBe(policy.capMs)
        if (atCap > 1) expect(delayMs(policy, atCap - 1)).toBeLessThan(policy.capMs)
      }),
    )
  })
})
