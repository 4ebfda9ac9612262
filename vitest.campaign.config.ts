import fs from 'node:fs'
import path from 'node:path'
import {defineConfig} from 'vitest/config'

const INTEGRATION = path.join(import.meta.dirname, 'test/integration')
/** The suites that take more in a campaign: they ask test/support/campaign.ts. */
const WITH_MORE = fs
  .readdirSync(INTEGRATION)
  .filter((file) => fs.readFileSync(path.join(INTEGRATION, file), 'utf8').includes("'../support/campaign.js'"))
  .map((file) => `test/integration/${file}`)

/** Proofs by mass, which `npm test` has one representative of each for. */
export default defineConfig({
  test: {
    name: 'campaign',
    include: ['test/campaign/**/*.test.ts', ...WITH_MORE],
    env: {HERMES_SVC_CAMPAIGN: '1'},
    disableConsoleIntercept: true,
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 600_000,
    hookTimeout: 180_000,
    chaiConfig: {truncateThreshold: 0},
  },
})
