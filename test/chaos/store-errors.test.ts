import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { suite } from './store-errors.ts'

const seed = chosenSeed()

for (const { name, run } of suite.cases({ rounds: 1, seed })) {
  const promise =
    name === 'damaged pages' ? 'and its backup opens' : 'nothing accepted is lost, and work goes on'
  // They wait for the store and for each other's disk, not for the processor.
  test.concurrent(`${name}: told clearly, ${promise}`, async ({ skip }) => {
    const { counts, breaches } = await run()
    expect(breaches, `seed ${seed}`).toEqual([])
    if (counts.startsWith('not run')) skip(counts)
  })
}
