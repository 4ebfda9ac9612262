import {defineConfig} from 'vitest/config'

// Two projects: `unit` needs nothing but node and runs in seconds; `integration` boots real service managers.
export default defineConfig({
  test: {
    projects: [
      {test: {name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/integration/**'], isolate: false, disableConsoleIntercept: true}},
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          pool: 'forks',
          disableConsoleIntercept: true,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
