import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {DEFAULT_RESTART_POLICY, delayMs, describePolicy, requireValidPolicy, type RestartPolicy} from '../../src/service/restart-policy.js'

const policies = fc
  .record({
    restartDelayMs: fc.integer({min: 1, max: 60_000}),
    firstMs: fc.integer({min: 1, max: 10_000}),
    capMs: fc.integer({min: 10_000, max: 2 ** 30}),
    forgetAfterMs: fc.integer({min: 1, max: 2 ** 30}),
    plannedAfterMs: fc.integer({min: 1, max: 2 ** 30}),
  })
  .map((policy): RestartPolicy => policy)

describe('delayMs', () => {
  it('does not wait when nothing failed', () => {
    expect(delayMs(DEFAULT_RESTART_POLICY, 0)).toBe(0)
  })

  it('doubles from the first wait up to the cap', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((failures) => delayMs(DEFAULT_RESTART_POLICY, failures) / 1000)
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120])
  })

  it('never shrinks and never exceeds the cap, however many failures there were', () => {
    fc.assert(
      fc.property(policies, fc.integer({min: 1, max: 1_000_000}), (policy, failures) => {
        const delay = delayMs(policy, failures)
        expect(delay).toBeGreaterThanOrEqual(policy.firstMs)
        expect(delay).toBeLessThanOrEqual(policy.capMs)
        expect(delayMs(policy, failures + 1)).toBeGreaterThanOrEqual(delay)
      }),
    )
  })
})

describe('requireValidPolicy', () => {
  it('accepts the default', () => {
    expect(() => requireValidPolicy(DEFAULT_RESTART_POLICY)).not.toThrow()
  })

  it.each([
    [{firstMs: 0}, 'firstMs'],
    [{capMs: 1.5}, 'capMs'],
    [{forgetAfterMs: Number.NaN}, 'forgetAfterMs'],
    [{plannedAfterMs: -1}, 'plannedAfterMs'],
    [{restartDelayMs: 2 ** 31}, 'restartDelayMs'],
    [{firstMs: 500, capMs: 400}, 'must not exceed capMs'],
  ])('refuses %o and says why', (change, reason) => {
    expect(() => requireValidPolicy({...DEFAULT_RESTART_POLICY, ...change})).toThrow(reason)
  })
})

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
