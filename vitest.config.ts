import {defineConfig} from 'vitest/config'

/** Suites that start many programs of their own: shells, gateways, the built command. */
const PROGRAMS = [
  'test/bin/**/*.test.ts',
  'test/completion/shells.test.ts',
  'test/fakes/launchd/*.test.ts',
  'test/gateway/tick.test.ts',
  'test/managers/launchd/launcher.test.ts',
  'test/service/helper-*.test.ts',
  'test/smoke/{junit,stand-in}.test.ts',
]
const INTEGRATION = ['test/integration/**/*.test.ts']
/** They watch real processes against the clock: what fails once on a CI machine that paused for a while is looked at once more. */
const RETRY = process.env.CI === 'true' ? 1 : 0

/**
 * Three projects, one after the other: `unit` needs nothing but node and runs in seconds; `programs` starts real processes on this machine;
 * `integration` boots real service managers.
 */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...PROGRAMS, ...INTEGRATION],
          isolate: false,
          // Some run a process or two, which takes long on a machine that does much else.
          testTimeout: 30_000,
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
          sequence: {groupOrder: 2},
        },
      },
    ],
  },
})
