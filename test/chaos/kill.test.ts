import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { killRounds } from './kill.ts'

const ROUNDS = 100

test(`${ROUNDS} kills lose no accepted task and finish each exactly once`, async () => {
  const seed = chosenSeed()
  const { counts, breaches } = await killRounds({ rounds: ROUNDS, seed, durability: 'process' })
  expect(breaches, `seed ${seed}`).toEqual([])
  // Otherwise the kills came too early or too late to prove anything.
  expect(counts.accepted, `seed ${seed}`).toBeGreaterThan(ROUNDS * 5)
  expect(counts.reruns, `seed ${seed}`).toBeGreaterThan(ROUNDS / 4)
  expect(counts.interrupted, `seed ${seed}`).toBeGreaterThan(0)
})
