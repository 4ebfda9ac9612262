import {defineConfig} from 'vitest/config'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** Suites that start many programs of their own: shells, gateways, the built command. */
const PROGRAMS = [
  'test/bin/**/*.test.ts',
  'test/contract/stand-in.test.ts',
  'test/completion/shells.test.ts',
  'test/fakes/launchd/*.test.ts',
  'test/tick/tick.test.ts',
  'test/managers/launchd/launcher.test.ts',
  'test/service/helper-*.test.ts',
  'test/smoke/{junit,stand-in}.test.ts',
]
const INTEGRATION = ['test/integration/**/*.test.ts']
/** Proofs by mass: vitest.campaign.config.ts. */
const CAMPAIGN = ['test/campaign/**/*.test.ts']
/** They run what is built, so it is built first. */
const BUILD = 'test/support/build.ts'
/** Of the suites that start processes: they wait for half of the time. */
const WORKERS = 4

/**
 * What takes longest on two cores, longest first: begun last, one of them would be waited for alone. vitest itself begins with the largest file.
 * Measured by the time each file took alone; see `npm test -- --project integration --reporter=json`.
 */
const LONG = [
  // A gateway of two minutes, and one that is left alone for its first 30 s, twice: both wait for nearly all of that.
  ...['doctor-quiet', 'watchdog'],
  // A machine that sleeps for 45 s, and a receiver that is tried again after a minute.
  'notify',
  // Its role is run seven times, which no two of its tests do at once; and one that checks the types of the whole tree.
  ...['ansible', 'contributing', 'json-documents', 'history'],
  ...['stand-in', 'double', 'launchd-errors', 'helper-after-exit', 'launchd-lifecycle', 'user-scope', 'lifecycle', 'read-only'],
  ...['doctor-definition', 'doctor-launchd', 'restart-states', 'doctor-s6', 's6-lifecycle', 'doctor-machine', 'heartbeat'],
  ...[
    'verdict-live',
    'systemd-rules',
    'install-transaction',
    'helper-before-start',
    'hostile-home',
    'restart-policy',
    'upgrade',
    'package',
  ],
  ...['round-trip', 'desired-state-reboot', 'setup', 'node-versions', 'smoke'],
]

/** A line that fails shows all of what was there. */
const CHAI = {truncateThreshold: 0}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({moduleId}: TestSpecification) => {
      const index = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
      return index === -1 ? LONG.length : index
    }
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}

/**
 * Three projects: `unit` needs nothing but node and runs in seconds; then, side by side, `programs`, which starts real processes on this machine, and
 * `integration`, which boots real service managers. None is tried twice. A fourth, of proofs by mass, is vitest.campaign.config.ts.
 */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    sequence: {sequencer: LongestFirst},
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...PROGRAMS, ...INTEGRATION, ...CAMPAIGN],
          isolate: false,
          // Some run a process or two, which takes long on a machine that does much else.
          testTimeout: 30_000,
          chaiConfig: CHAI,
          sequence: {groupOrder: 0},
        },
      },
      {
        test: {
          name: 'programs',
          include: PROGRAMS,
          globalSetup: BUILD,
          pool: 'forks',
          maxWorkers: WORKERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          chaiConfig: CHAI,
          sequence: {groupOrder: 1},
        },
      },
      {
        test: {
          name: 'integration',
          include: INTEGRATION,
          globalSetup: BUILD,
          pool: 'forks',
          maxWorkers: WORKERS,
          // Far more than any takes: nothing is proved by a time.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          chaiConfig: CHAI,
          sequence: {groupOrder: 1},
        },
      },
    ],
  },
})
