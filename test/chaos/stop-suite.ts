/** The suite of stopping: 500 rounds of any state and any way. */

import { stopRounds } from './stop.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'stop'
/** It measures how long closing takes. */
export const alone = true

export function cases({ rounds = 500, seed }: SuiteOptions): readonly Case[] {
  return [
    {
      name: 'stopping in every state and every way',
      async run() {
        const { worstMs, handedOver, breaches } = await stopRounds({ seed, rounds, parallel: 2 })
        const worst = Object.entries(worstMs).map(
          ([state, { close, signal }]) => `${state} ${close}/${signal}`,
        )
        const hung = breaches.filter((breach) => breach.endsWith('it hung')).length
        return {
          counts: `${rounds} rounds, ${hung} hung, ${handedOver} tasks handed over; worst ms of close and of a signal: ${worst.join(', ')}`,
          breaches,
        }
      },
    },
  ]
}
