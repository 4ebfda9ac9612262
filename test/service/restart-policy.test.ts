import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {DEFAULT_RESTART_POLICY, delayMs, requireValidPolicy} from '../../src/service/restart-policy.js'
import {policies} from '../support/policies.js'

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
