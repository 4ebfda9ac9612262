import fs from 'node:fs'
import path from 'node:path'
import {defineConfig} from 'vitest/config'

/** The suites that take more in a campaign: they ask test/support/campaign.ts, or what does. */
const WITH_MORE = ['test/bin', 'test/integration', 'test/service'].flatMap((folder) =>
  fs
    .readdirSync(path.join(import.meta.dirname, folder))
    .filter((file) =>
      /'\.\.\/support\/(campaign|helper-scripts|doctor-row|doctor-definition-suite)\.js'/.test(
        fs.readFileSync(path.join(import.meta.dirname, folder, file), 'utf8'),
      ),
    )
    .map((file) => `${folder}/${file}`),
)

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
