import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {describePolicy, limitComment} from '../../../src/managers/systemd/policy-comment.js'
import {DEFAULT_RESTART_POLICY, delayMs} from '../../../src/service/restart-policy.js'
import {policies} from '../../support/policies.js'

const LIMIT =
  'systemd counts every start, planned ones and those by hand too: with RestartSec=1s there are at most 11 in StartLimitIntervalSec=10s, ' +
  'and StartLimitBurst=200 are allowed, so this unit never reaches the limit by itself.'

describe('describePolicy', () => {
  it('does the arithmetic of the default policy', () => {
    expect(describePolicy(DEFAULT_RESTART_POLICY).join(' ')).toBe(
      'Every end is followed by a restart 1 s later (RestartSec); a planned one waits no longer. ' +
        'After failures in a row the start itself waits (ExecStartPre): 1, 2, 4, 8, 16, 32, 64 s, and 120 s from failure 8 on. ' +
        'The cap is reached after 134 s of waiting; from then on that is at most 29 starts an hour, and the ' +
        'gateway is back within 120 s of the cause being gone. 300 s up, or a stop, and the count is forgotten. ' +
        LIMIT,
    )
  })

  it('says so when the first wait is the cap already', () => {
    expect(describePolicy({...DEFAULT_RESTART_POLICY, firstMs: 500, capMs: 500}).join(' ')).toContain(
      'After a failure the start itself waits (ExecStartPre): 0.5 s each time.',
    )
  })

  it('has the arithmetic of the limit for the unit alone, and the starts of the comment are those that fit', () => {
    expect(limitComment(DEFAULT_RESTART_POLICY).join(' ')).toBe(LIMIT)
    fc.assert(
      fc.property(policies, (policy) => {
        const [, pause, starts, interval, burst] =
          /RestartSec=([\d.]+)s there are at most (\d+) in StartLimitIntervalSec=(\d+)s, and StartLimitBurst=(\d+)/.exec(
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
