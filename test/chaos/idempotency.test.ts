import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { killedCallers, reuseAfterFailure, reuseAfterTtl, storm } from './idempotency.ts'

test('one key is one task, however many callers and processes ask for it at once', async () => {
  const { calls, tasks, breaches } = await storm('storm', 40, 25, 4)
  expect(breaches).toEqual([])
  expect({ calls, tasks }).toEqual({ calls: 4_000, tasks: 40 })
})

test('another input under a key is refused to every caller, whoever came first', async () => {
  const { tasks, refused, breaches } = await storm('mismatch', 20, 20, 2)
  expect(breaches).toEqual([])
  expect({ tasks, refused }).toEqual({ tasks: 20, refused: 400 })
})

test('a caller that was killed before its answer asks again and gets the same task', async () => {
  const seed = chosenSeed()
  const { keys, breaches } = await killedCallers(8, seed)
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(keys).toBeGreaterThan(8)
})

test('a key that a failure freed makes one new task, however many ask', async () => {
  const { tasks, breaches } = await reuseAfterFailure(5, 20)
  expect(breaches).toEqual([])
  expect(tasks).toBe(10)
})

test('a key outlives its record for its ttl, and no longer', async () => {
  expect(await reuseAfterTtl()).toEqual([])
})
