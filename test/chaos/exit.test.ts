import { expect, test } from 'vitest'
import { cases } from './exit.ts'

/** Of three lines each: enough for several turns. */
const TASKS = 600

for (const { name, run } of cases({ rounds: TASKS, seed: 1 })) {
  test(`${name}: no line is lost that was promised`, async () => {
    expect((await run()).breaches).toEqual([])
  })
}
