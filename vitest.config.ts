import './scripts/require-node.mjs'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { closingLine } from './test/support/closing-line.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: ['default', closingLine],
    // A rejection that nobody handles ends the process at once, as it would end a user's; vitest then fails the run.
    execArgv: ['--unhandled-rejections=strict'],
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
    ],
  },
})

export default config
