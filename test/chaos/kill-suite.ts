/** The suite of kills: 1,000 per durability. */

import { killRounds } from './kill.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'kill'

export function cases({ rounds = 1_000, seed }: SuiteOptions): readonly Case[] {
  return (['process', 'power'] as const).map((durability) => ({
    name: `kill -9, durability ${durability}`,
    async run() {
      const { counts, breaches, ...rest } = await killRounds({ rounds, seed, durability })
      const { accepted, records, runs, reruns, interrupted, crashLoops } = counts
      const lost = breaches.filter((breach) => breach.endsWith('is lost')).length
      return {
        counts: `${rest.rounds} kills, ${accepted} accepted, ${lost} lost, ${records} records, ${runs} runs, ${reruns} again after a kill, ${interrupted} interrupted, ${crashLoops} crash loops`,
        breaches,
      }
    },
  }))
}
