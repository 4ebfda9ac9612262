import {defineConfig} from 'vitest/config'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** Suites that start many programs of their own: shells, gateways, the built command. */
const PROGRAMS = [
  'test/bin/**/*.test.ts',
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
/** They watch real processes against the clock: what fails once on a CI machine that paused for a while is looked at once more. */
const RETRY = process.env.CI === 'true' ? 1 : 0

/** Suites of more than a minute, longest first: begun last, one of them would be waited for alone. vitest itself begins with the largest file. */
const LONG = [
  ...[
    'hostile-home',
    'launchd-lifecycle',
    'doctor-launchd',
    'launchd-errors',
    'launchd-commands',
    'install-transaction',
    'restart-policy-252',
    'restart-policy-257',
  ],
  ...['user-scope', 'doctor-definition', 'doctor-definition-257', 'lifecycle', 'heartbeat', 'doctor-s6'],
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
 * Three projects, one after the other: `unit` needs nothing but node and runs in seconds; `programs` starts real processes on this machine;
 * `integration` boots real service managers.
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
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          // Some build the program first.
          hookTimeout: 60_000,
          retry: RETRY,
          chaiConfig: CHAI,
          sequence: {groupOrder: 1},
        },
      },
      {
        test: {
          name: 'integration',
          include: INTEGRATION,
          pool: 'forks',
          // They wait for half of the time.
          maxWorkers: 3,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          retry: RETRY,
          chaiConfig: CHAI,
          sequence: {groupOrder: 2},
        },
      },
    ],
  },
})
