/** The suite of failing stores: 200 seeds per backend, method and kind of fault. */

import { BACKENDS, FAULTS, FAULTY_METHODS, faultRun } from './faults.ts'
import type { Case, SuiteOptions } from './suite.ts'

export const name = 'faults'

export function cases({ rounds = 200, seed }: SuiteOptions): readonly Case[] {
  return BACKENDS.flatMap((backend) =>
    [...FAULTY_METHODS, 'all' as const].map((method) => ({
      name: `faults in ${method}, ${backend}`,
      async run() {
        const total = { runs: 0, accepted: 0, faults: 0 }
        const breaches: string[] = []
        for (const fault of FAULTS) {
          for (let each = seed; each < seed + rounds; each++) {
            const report = await faultRun({ backend, method, fault, seed: each })
            total.runs += 1
            total.accepted += report.accepted
            total.faults += report.faults
            breaches.push(...report.breaches.map((text) => `${fault}, seed ${each}: ${text}`))
          }
        }
        return {
          counts: `${total.runs} runs, ${total.faults} faults, ${total.accepted} accepted`,
          breaches,
        }
      },
    })),
  )
}
