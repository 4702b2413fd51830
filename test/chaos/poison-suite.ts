/** The suite of poison: each kind by itself, and all of them together, with several executors. */

import { POISONS, poisonRun } from './poison.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'poison'

/** `rounds`: how often all kinds come together. */
export function cases({ rounds = 2, seed }: SuiteOptions): readonly Case[] {
  const sets = [
    ...POISONS.map((poison) => ({ title: `"${poison}"`, poisons: [poison], concurrency: 1 })),
    // Neighbours that run beside it die with it, time and again.
    ...[1, 4].flatMap((concurrency) =>
      Array.from({ length: rounds }, () => ({ title: 'all kinds', poisons: POISONS, concurrency })),
    ),
  ]
  return sets.map(({ title, poisons, concurrency }, index) => {
    const executors = 1 + (index % 3)
    return {
      name: `${title} among 100 others, ${executors} executors with ${concurrency} slots`,
      async run() {
        const options = { poisons, executors, concurrency, seed: seed + index }
        const found = await poisonRun(options)
        return {
          counts: `${found.deaths} deaths, ${found.crashLoops} crash loops, ${found.neighbours} neighbours finished`,
          breaches: found.breaches,
        }
      },
    }
  })
}
