import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {describePolicy, limitComment} from '../../../src/managers/systemd/policy-comment.js'
import {DEFAULT_RESTART_POLICY, delayMs} from '../../../src/service/restart-policy.js'
import {policies} from '../../support/policies.js'

const LIMIT =
  'systemd counts every start, also planned restarts and starts by hand. RestartSec=1s leads to at most 11 starts in StartLimitIntervalSec=10s, ' +
  'and StartLimitBurst=200 allows that, so this unit never reaches the limit by itself.'

describe('describePolicy', () => {
  it('does the arithmetic of the default policy', () => {
    expect(describePolicy(DEFAULT_RESTART_POLICY).join(' ')).toBe(
      'systemd restarts the gateway 1 s after every end (RestartSec). A planned restart does not wait longer. ' +
        'After failures in a row, the start itself waits (ExecStartPre): 1, 2, 4, 8, 16, 32, 64 s, and 120 s from failure 8 on. ' +
        'The wait is longest after 134 s in all: from then on there are at most 29 starts an hour, and the ' +
        'gateway is back at most 120 s after the cause is gone. A stop, or 300 s of running, resets the count of failures. ' +
        LIMIT,
    )
  })

  it('says so when the first wait is the cap already', () => {
    expect(describePolicy({...DEFAULT_RESTART_POLICY, firstMs: 500, capMs: 500}).join(' ')).toContain(
      'After a failure, the start itself waits (ExecStartPre): 0.5 s each time.',
    )
  })

  it('has the arithmetic of the limit for the unit alone, and the starts of the comment are those that fit', () => {
    expect(limitComment(DEFAULT_RESTART_POLICY).join(' ')).toBe(LIMIT)
    fc.assert(
      fc.property(policies, (policy) => {
        const [, pause, starts, interval, burst] =
          /RestartSec=([\d.]+)s leads to at most (\d+) starts in StartLimitIntervalSec=(\d+)s, and StartLimitBurst=(\d+)/.exec(
            limitComment(policy).join(' '),
          ) ?? []
        expect(Number(starts)).toBe(Math.floor(Number(interval) / Number(pause)) + 1)
        // Room for ten times as many by hand.
        expect(Number(starts) * 10).toBeLessThan(Number(burst))
      }),
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
