/** The suite of blocked event loops. */

import { blockedRun } from './blocked.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'blocked'

/** `rounds`: tasks that are running in the blocked process, at most 200. */
export function cases({ rounds = 100 }: SuiteOptions): readonly Case[] {
  return (['leases', 'locks'] as const).map((judgedBy) => ({
    name: `an event loop blocked for three leases, known by its ${judgedBy}`,
    async run() {
      const tasks = Math.min(200, rounds)
      const { adopted, refused, aborted, breaches } = await blockedRun(tasks, judgedBy)
      return {
        counts: `${tasks} tasks, ${adopted} adopted, ${refused} outcomes refused, ${aborted} bodies told of the lost lease`,
        breaches,
      }
    },
  }))
}
