import { defineConfig } from 'vitest/config'

// Tests start real gateways and sandbox hosts; two files at once is what a two-core machine bears.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['node_modules/**'],
    pool: 'forks',
    execArgv: ['--conditions=source', '--no-node-snapshot'],
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
