import './scripts/require-node.mjs'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { closingLine } from './test/support/closing-line.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: ['default', closingLine],
    // A rejection that nobody handles ends the process at once, as it would end a user's; vitest then fails the run.
    execArgv: ['--unhandled-rejections=strict'],
    // A process warning (too many listeners, a timeout that overflows, a deprecated call) fails the test it came in.
    setupFiles: ['test/support/no-warnings.ts'],
    // A test that was left alone on purpose is not left alone by accident.
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/{unit,types,package}/**/*.test.ts'],
          testTimeout: 5_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 30_000,
          // Kills, freezes and full disks: one file at a time, so that a slow machine is not one of them.
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'redis',
          // What the unit tests promise on memory and SQLite, where no test turns the clock by hand: it would not wait
          // for the answers of a server.
          include: [
            'test/unit/context/{current,bound-context}.test.ts',
            'test/unit/executor/{edges,errors/revived,define/input,state/list,state/results}.test.ts',
            'test/unit/executor/enqueue/{by-name,many,overrides,idempotency,bad-input}.test.ts',
            'test/unit/executor/enqueue/{handle,children,back-pressure,tags-headers}.test.ts',
          ],
          env: { PLAINSIGHT_TEST_STORE: 'redis' },
          testTimeout: 20_000,
        },
      },
      // One for each program from elsewhere, because scripts/run.mjs leaves out what this machine cannot have.
      ...['collector', 'prometheus', 'valkey'].map((name) => ({
        extends: true as const,
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      })),
    ],
  },
})

export default config
