/** The suite of power loss: torn logs, the order of syncs and answers, and syncs that fail. */

import { hasStrace, syncRun } from './power-sync.ts'
import { tornTails } from './power.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'power'

const NO_STRACE = 'strace is missing, or may not trace here: install it (apt-get install strace)'
const BATCHES = 60
/** Some of the syncs, and all from one on. */
const INJECTED = ['30+5', '41+2', '25+'] as const

/** `rounds`: cuts per durability. */
export function cases({ rounds = 1_000, seed }: SuiteOptions): readonly Case[] {
  return [
    ...(['power', 'process'] as const).map((durability) => ({
      name: `torn logs, durability ${durability}`,
      async run() {
        const { breaches, ...found } = await tornTails({ seed, cuts: rounds, durability })
        return {
          counts: `${found.cuts} cuts, ${found.shortened} took records, ${found.records} records left, ${found.acknowledged} answers before the cut, ${breaches.length} breaches`,
          breaches,
        }
      },
    })),
    {
      name: 'the log is synced before each answer',
      async run() {
        if (!hasStrace()) return { counts: '', breaches: [NO_STRACE] }
        const { answers, syncs, breaches } = await syncRun(BATCHES)
        return { counts: `${answers} answers, ${syncs} syncs`, breaches }
      },
    },
    ...INJECTED.map((inject) => ({
      name: `syncs that fail, ${inject}`,
      async run() {
        if (!hasStrace()) return { counts: '', breaches: [NO_STRACE] }
        const found = await syncRun(inject.endsWith('+') ? 16 : BATCHES, inject)
        return {
          counts: `${found.injected} of ${found.syncs} syncs failed, ${found.answers} answers, ${found.reported} failures reported`,
          breaches: found.breaches,
        }
      },
    })),
  ]
}
