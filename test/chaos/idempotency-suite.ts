/** The suite of idempotency keys. */

import { killedCallers, reuseAfterFailure, reuseAfterTtl, storm } from './idempotency.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'idempotency'

const CALLERS = 100
const PROCESSES = 4

/** `rounds`: the keys. */
export function cases({ rounds = 1_000, seed }: SuiteOptions): readonly Case[] {
  return [
    ...(['storm', 'mismatch'] as const).map((mode) => ({
      name: `${CALLERS} callers at once in ${PROCESSES} processes${mode === 'storm' ? '' : ', with two inputs'}`,
      async run() {
        const keys = mode === 'storm' ? rounds : Math.ceil(rounds / 5)
        const { calls, tasks, refused, breaches } = await storm(mode, keys, CALLERS, PROCESSES)
        return {
          counts: `${keys} keys, ${calls} calls, ${tasks} tasks, ${refused} refused`,
          breaches,
        }
      },
    })),
    {
      name: 'callers that are killed and ask again',
      async run() {
        const kills = Math.ceil(rounds / 10)
        const { keys, breaches } = await killedCallers(kills, seed)
        return { counts: `${kills} kills, ${keys} keys`, breaches }
      },
    },
    {
      name: 'keys asked for again after a failure',
      async run() {
        const keys = Math.ceil(rounds / 10)
        const { tasks, breaches } = await reuseAfterFailure(keys, CALLERS)
        return { counts: `${keys} keys, ${tasks} tasks`, breaches }
      },
    },
    {
      name: 'a key asked for again after its ttl',
      async run() {
        return { counts: '1 key', breaches: await reuseAfterTtl() }
      },
    },
  ]
}
