import { expect, test } from 'vitest'
import { ENTRIES } from './hostile/entries.ts'
import { runHostile } from './hostile.ts'

const RUNS = Number(process.env['CHAOS_RUNS'] ?? 10_000)
const SEED = Number(process.env['CHAOS_SEED'] ?? 1)

for (const entry of ENTRIES) {
  test(`${entry.name}: ${RUNS} hostile values are refused in our words, or harmless`, async () => {
    const { breaches } = await runHostile(entry, RUNS, SEED)
    expect(breaches).toEqual([])
  })
}
