import { expect, test } from 'vitest'
import { BACKENDS, FAULTS, FAULTY_METHODS, faultRun } from './faults.ts'

/** Per backend, method and kind of fault. */
const SEEDS = { memory: 20, sqlite: 5 }
const FIRST_SEED = Number(process.env['CHAOS_SEED'] ?? 1)

for (const backend of BACKENDS) {
  for (const method of [...FAULTY_METHODS, 'all'] as const) {
    test(`${backend}: no fault in ${method} loses a task or ends it twice`, async () => {
      for (const fault of FAULTS) {
        for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS[backend]; seed++) {
          const { breaches } = await faultRun({ backend, method, fault, seed })
          expect(breaches, `fault ${fault}, seed ${seed}`).toEqual([])
        }
      }
    })
  }
}
