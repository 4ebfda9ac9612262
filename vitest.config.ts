import {defineConfig} from 'vitest/config'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** Suites that start many programs of their own: shells, gateways, the built command. */
const PROGRAMS = [
  'test/bin/**/*.test.ts',
  'test/contract/stand-in.test.ts',
  'test/completion/shells.test.ts',
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
const WORKERS = 5

/**
 * What takes longest on two cores, longest first: begun last, one of them would be waited for alone. Measured by the time from its start to its end in a
 * whole run. Some do little but wait: for the end of the first 30 s, in which a gateway is left alone, or for ticks. All of the
 * project `unit` goes beside three of those: on two workers of the five, since each that takes it up reads all of the source anew.
 * vitest itself begins with the largest file. `programs` comes last: a worker that goes from one project to another is begun anew.
 */
const LONG = `
  notify heartbeat restart-states unit doctor-machine doctor-state looking ansible run lifecycle s6-lifecycle hostile-home smoke launchd-lifecycle
  systemd-rules restart-policy history s6-accounts two-containers user-scope journeys verdict-live doctor-launchd setup json-documents
  shared-services install-transaction launchd-errors machine apply existing-services automation round-trip node-versions upgrade doctor-s6
  desired-state-reboot stand-in hostile-sizes helper-rule contributing helper-after-exit helper-before-start environment entry
`
  .trim()
  .split(/\s+/)

/**
 * Each start of node reads all certificates that this names, for a tenth of a second, and a run starts node a thousand times. What takes something from a
 * network has it back (test/support/node-versions.ts).
 */
if (process.env.NODE_EXTRA_CA_CERTS !== undefined) {
  process.env.HERMES_SVC_EXTRA_CA_CERTS = process.env.NODE_EXTRA_CA_CERTS
  delete process.env.NODE_EXTRA_CA_CERTS
}

/** A line that fails shows all of what was there. */
const CHAI = {truncateThreshold: 0}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({moduleId, project}: TestSpecification) => {
      const index = LONG.findIndex((name) => (name === 'unit' ? project.name === name : moduleId.endsWith(`/${name}.test.ts`)))
      return (project.name === 'programs' ? LONG.length : 0) + (index === -1 ? LONG.length : index)
    }
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}

/**
 * Three projects, side by side: `unit` needs nothing but node and runs in seconds; `programs` starts real processes on this machine, and
 * `integration` boots real service managers. None is tried twice. A fourth, of proofs by mass, is vitest.campaign.config.ts.
 */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    // Else each of the three projects translates all of the source anew, and does so in each run.
    experimental: {fsModuleCache: true},
    sequence: {sequencer: LongestFirst},
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...PROGRAMS, ...INTEGRATION, ...CAMPAIGN],
          setupFiles: 'test/support/fewer-runs.ts',
          isolate: false,
          maxWorkers: WORKERS,
          // Some run a process or two, which takes long on a machine that does much else.
          testTimeout: 30_000,
          chaiConfig: CHAI,
        },
      },
      {
        test: {
          name: 'programs',
          include: PROGRAMS,
          globalSetup: BUILD,
          pool: 'forks',
          isolate: false,
          maxWorkers: WORKERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          chaiConfig: CHAI,
        },
      },
      {
        test: {
          name: 'integration',
          include: INTEGRATION,
          globalSetup: BUILD,
          pool: 'forks',
          isolate: false,
          maxWorkers: WORKERS,
          // Far more than any takes: nothing is proved by a time.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          chaiConfig: CHAI,
        },
      },
    ],
  },
})
