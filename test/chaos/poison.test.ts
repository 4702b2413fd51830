import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { poisonRun } from './poison.ts'

test('tasks that end their process are stopped after three recoveries, and a hundred neighbours finish', async () => {
  const seed = chosenSeed()
  const { deaths, neighbours, breaches } = await poisonRun({
    poisons: ['kill', 'exit', 'stack'],
    executors: 2,
    concurrency: 1,
    seed,
  })
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(neighbours).toBe(100)
  // Four starts of each of the two that kill.
  expect(deaths, `seed ${seed}`).toBe(8)
})
