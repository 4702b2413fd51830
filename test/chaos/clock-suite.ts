/** The suite of clocks: jumps and skew of a faked wall clock, and long delays. */

import type { JumpReport } from './clock-jumps.ts'
import { fakedJumps, fakedSkew, hasFaketime, longDelays } from './clock.ts'
import type { Case, CaseReport, SuiteOptions } from './suite.ts'

export const name = 'clock'

const NO_FAKETIME: CaseReport = {
  counts: '',
  breaches: ['faketime is missing: install it (apt-get install faketime)'],
}
/** Less than half a lease, either way. */
const SKEWS_SECONDS = [7, -7]
const SKEW_MS = 40_000

/** `rounds`: tasks per kind of jump. */
export function cases({ rounds = 600, seed }: SuiteOptions): readonly Case[] {
  return [
    ...(['near', 'far'] as const).map((range) => ({
      name: `the wall clock jumps ${range === 'near' ? 'by an hour and by a day' : 'to 1970 and past 2038'}`,
      async run() {
        return hasFaketime() ? jumpCounts(await fakedJumps(range, rounds, seed)) : NO_FAKETIME
      },
    })),
    {
      name: 'two processes without locks whose wall clocks differ by 7 s',
      async run() {
        if (!hasFaketime()) return NO_FAKETIME
        const stolen = await Promise.all(SKEWS_SECONDS.map((skew) => fakedSkew(skew, SKEW_MS)))
        const sum = stolen.reduce((total, count) => total + count, 0)
        return {
          counts: `${SKEWS_SECONDS.length} pairs for ${SKEW_MS / 1_000} s, ${sum} tasks stolen`,
          breaches: sum === 0 ? [] : [`${sum} tasks of a live process were run by the other`],
        }
      },
    },
    {
      name: 'delays of 25 and 60 days, and around 2^31 ms',
      async run() {
        return { counts: '10 delays', breaches: await longDelays() }
      },
    },
  ]
}

function jumpCounts({
  jumps,
  tasks,
  runs,
  earliestMs,
  latestMs,
  breaches,
}: JumpReport): CaseReport {
  return {
    counts: `${jumps} jumps, ${tasks} tasks, ${runs} runs, started ${earliestMs.toFixed(1)} to ${latestMs.toFixed(1)} ms after their time`,
    breaches,
  }
}
