import fc from 'fast-check'
import type {RestartPolicy} from '../../src/service/restart-policy.js'

/** Valid restart policies. */
export const policies = fc
  .record({
    restartDelayMs: fc.integer({min: 1, max: 60_000}),
    firstMs: fc.integer({min: 1, max: 10_000}),
    capMs: fc.integer({min: 10_000, max: 2 ** 30}),
    forgetAfterMs: fc.integer({min: 1, max: 2 ** 30}),
    plannedAfterMs: fc.integer({min: 1, max: 2 ** 30}),
  })
  .map((policy): RestartPolicy => policy)
