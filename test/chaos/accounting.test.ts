import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { cases } from './accounting.ts'

const LIVES = 10
const seed = chosenSeed()

for (const { name, run } of cases({ rounds: LIVES, seed })) {
  test(`${name}: every one is accounted for in ${LIVES} lives`, async () => {
    expect((await run()).breaches).toEqual([])
  })
}
