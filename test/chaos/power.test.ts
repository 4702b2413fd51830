import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { hasStrace, syncRun } from './power-sync.ts'
import { tornTails } from './power.ts'

const seed = chosenSeed()

test('a torn log opens, holds a prefix of what was written, and with durability "power" all that was answered', async () => {
  const { breaches, ...found } = await tornTails({ seed, cuts: 40, durability: 'power' })
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(found.cuts).toBe(40)
  // Otherwise the cuts took nothing, or everything, and proved nothing.
  expect(found.shortened, `seed ${seed}`).toBeGreaterThan(10)
  expect(found.acknowledged, `seed ${seed}`).toBeGreaterThan(10)
})

test('a torn log opens and holds a prefix with durability "process", too', async () => {
  const { breaches } = await tornTails({ seed, cuts: 20, durability: 'process' })
  expect(breaches, `seed ${seed}`).toEqual([])
})

test.skipIf(!hasStrace())('the log is synced before each answer', async () => {
  const { answers, breaches } = await syncRun(10)
  expect(breaches).toEqual([])
  expect(answers).toBe(20)
})

test.skipIf(!hasStrace())(
  'a sync that fails is reported, and loses nothing that was answered',
  async () => {
    const { answers, injected, breaches } = await syncRun(20, '30+5')
    expect(breaches).toEqual([])
    expect(injected).toBeGreaterThan(0)
    expect(answers).toBeGreaterThan(0)
  },
)
