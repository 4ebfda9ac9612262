import {defineConfig} from 'vitest/config'

// Two projects: `unit` needs nothing but node and runs in seconds; `integration` boots real service managers.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**'],
          isolate: false,
          disableConsoleIntercept: true,
          // Some of them run real processes, which take long on a machine that does much else.
          testTimeout: 30_000,
          sequence: {groupOrder: 0},
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          pool: 'forks',
          // Each file boots a machine of its own; after the unit tests, so that they do not share the processor.
          maxWorkers: 2,
          sequence: {groupOrder: 1},
          disableConsoleIntercept: true,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
