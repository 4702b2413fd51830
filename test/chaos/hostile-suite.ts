/** The suite of hostile values: 100,000 per public entry. */

import { ENTRIES } from './hostile/entries.ts'
import { runHostile } from './hostile.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'hostile'

export function cases({ rounds = 100_000, seed }: SuiteOptions): readonly Case[] {
  return ENTRIES.map((entry) => ({
    name: `hostile values, ${entry.name}`,
    async run() {
      const { runs, refused, breaches } = await runHostile(entry, rounds, seed)
      return { counts: `${runs} values, ${refused} refused`, breaches }
    },
  }))
}
