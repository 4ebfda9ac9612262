import {defineConfig} from 'vitest/config'

/**
 * Proofs by mass, which `npm test` has one representative of each for: test/campaign, and the suites that take more where
 * test/support/campaign.ts says so.
 */
const WITH_MORE = [
  'desired-state-races',
  'doctor-launchd',
  'doctor-s6',
  'hostile-home',
  'json-documents',
  'launchd-states',
  'node-versions',
  's6-lifecycle',
  'verdict-live',
]

export default defineConfig({
  test: {
    name: 'campaign',
    include: ['test/campaign/**/*.test.ts', `test/integration/{${WITH_MORE.join(',')}}.test.ts`],
    env: {HERMES_SVC_CAMPAIGN: '1'},
    disableConsoleIntercept: true,
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 600_000,
    hookTimeout: 180_000,
    chaiConfig: {truncateThreshold: 0},
  },
})
