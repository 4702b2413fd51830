/** The suite of several processes on one file: killed, frozen, closed together, and booted beside each other. */

import { bootBeside } from './boots.ts'
import { closeTogether } from './closing-together.ts'
import { processesRun } from './processes.ts'
import { recoveryTimes } from './recovery.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'processes'

/** By lock: the sweep for the dead is every 2 s. By lease: lease, beat, sweep, and 1 s. */
const RECOVERY_LIMIT_MS = { locks: 3_000, leases: 21_000 }
const RECOVERY_ROUNDS = { locks: 12, leases: 4 }
const TASKS_PER_KILL = 25

/** `rounds`: the kills of a run; everything else in proportion. */
export function cases({ rounds = 200, seed }: SuiteOptions): readonly Case[] {
  const modes = ['locks', 'leases'] as const
  return [
    ...modes.map((judgedBy) => ({
      name: `three processes killed and frozen, known by their ${judgedBy}`,
      async run() {
        const freezes = Math.ceil(rounds / 2)
        const { counts, breaches } = await processesRun({
          seed,
          kills: rounds,
          freezes,
          tasks: rounds * TASKS_PER_KILL,
          judgedBy,
        })
        const lost = breaches.filter((breach) => breach.includes(' is lost')).length
        return {
          counts: `${rounds} kills, ${freezes} freezes, ${counts.accepted} accepted, ${lost} lost, ${counts.runs} runs, ${counts.reruns} again elsewhere, ${counts.refused} stale outcomes refused, ${counts.startedLate} started after their end, ${counts.cancelledElsewhere} cancelled from another process, ${counts.interrupted} interrupted, ${counts.crashLoops} crash loops`,
          breaches:
            judgedBy === 'leases' && counts.refused === 0
              ? [...breaches, 'no stale outcome was refused: the freezes proved nothing']
              : breaches,
        }
      },
    })),
    ...modes.map((judgedBy) => ({
      name: `recovery by another process, known by ${judgedBy}`,
      async run() {
        const count = RECOVERY_ROUNDS[judgedBy]
        const times = await recoveryTimes({ seed, rounds: count, judgedBy, parallel: 4 })
        const worst = Math.max(...times)
        const limit = RECOVERY_LIMIT_MS[judgedBy]
        return {
          counts: `${count} kills, running again after ${Math.min(...times)} to ${worst} ms`,
          breaches: worst <= limit ? [] : [`it took ${worst} ms, and ${limit} ms are promised`],
        }
      },
    })),
    {
      name: 'two instances that close together',
      async run() {
        const { counts, breaches } = await closeTogether(Math.ceil(rounds / 10), seed)
        return {
          counts: `${Math.ceil(rounds / 10)} rounds, ${counts.accepted} accepted, ${counts.records} records, ${counts.reruns} again elsewhere`,
          breaches,
        }
      },
    },
    ...modes.map((judgedBy) => ({
      name: `a second instance that boots beside the first, known by its ${judgedBy}`,
      async run() {
        const boots = judgedBy === 'locks' ? rounds * 5 : Math.ceil(rounds / 4)
        const { runs, taken, breaches } = await bootBeside(boots, seed, judgedBy)
        return { counts: `${boots} boots, ${runs} bodies meanwhile, ${taken} taken`, breaches }
      },
    })),
  ]
}
