import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { STATES, stopRounds } from './stop.ts'

test('an executor in any state stops in time, however it is told to, and leaves what waits to the next', async () => {
  const seed = chosenSeed()
  const rounds = STATES.length * 2
  const { handedOver, breaches } = await stopRounds({ seed, rounds, parallel: 3, slackMs: 2_000 })
  expect(breaches, `seed ${seed}`).toEqual([])
  // `waiting` is among the states.
  expect(handedOver, `seed ${seed}`).toBeGreaterThanOrEqual(200)
})
