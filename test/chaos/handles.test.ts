import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { cases, startsAndStops } from './handles.ts'

const ROUNDS = 10
const seed = chosenSeed()

for (const { name, run } of cases({ rounds: ROUNDS, seed })) {
  test(`${name}: ${ROUNDS} in each of 10 lanes leave no handle, listener, descriptor or object`, async () => {
    expect((await run()).breaches, `seed ${seed}`).toEqual([])
  })
}

test('a leak of each kind is seen', async () => {
  const { breaches } = await startsAndStops('memory', 2, seed, true)
  expect(breaches).toEqual([
    'resources, Timeout: 0 before, 1 after',
    'listeners, SIGUSR2: 0 before, 1 after',
    expect.stringMatching(/^descriptors: \d+ before, \d+ after$/),
    '1 executors or backends are still reachable',
    'something keeps the process alive',
  ])
})
