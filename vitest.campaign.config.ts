import fs from 'node:fs'
import path from 'node:path'
import {defineConfig} from 'vitest/config'

/** The suites that take more in a campaign: they ask test/support/campaign.ts, or what does, or try random values (test/support/fewer-runs.ts). */
const WITH_MORE = fs
  .readdirSync(path.join(import.meta.dirname, 'test'), {recursive: true, encoding: 'utf8'})
  .filter(
    (file) =>
      file.endsWith('.test.ts') &&
      !file.startsWith('campaign/') &&
      /'(fast-check|(\.\.\/)+support\/(campaign|helper-scripts|doctor-row|[a-z-]+-suite)\.js)'/.test(
        fs.readFileSync(path.join(import.meta.dirname, 'test', file), 'utf8'),
      ),
  )
  .map((file) => `test/${file}`)

/** Proofs by mass, which `npm test` has one representative of each for. */
export default defineConfig({
  test: {
    name: 'campaign',
    include: ['test/campaign/**/*.test.ts', ...WITH_MORE],
    globalSetup: 'test/support/build.ts',
    env: {HERMES_SVC_CAMPAIGN: '1'},
    disableConsoleIntercept: true,
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 600_000,
    hookTimeout: 180_000,
    chaiConfig: {truncateThreshold: 0},
  },
})
