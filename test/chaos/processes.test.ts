import { expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { bootBeside } from './boots.ts'
import { closeTogether } from './closing-together.ts'
import { processesRun } from './processes.ts'

const seed = chosenSeed()

test('three processes that are killed and frozen lose no task, and a frozen one is not taken for dead', async () => {
  const options = { seed, kills: 6, freezes: 3, tasks: 100, judgedBy: 'locks' } as const
  const { counts, breaches } = await processesRun(options)
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(counts).toMatchObject({ refused: 0, startedLate: 0 })
  expect(counts.reruns, `seed ${seed}`).toBeGreaterThan(0)
})

test('where only leases tell, what a frozen process had goes on elsewhere, and its late outcomes are refused', async () => {
  const options = { seed, kills: 2, freezes: 8, tasks: 100, judgedBy: 'leases' } as const
  const { counts, breaches } = await processesRun(options)
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(counts.refused, `seed ${seed}`).toBeGreaterThan(0)
})

test('two instances that close together leave everything to the next one', async () => {
  const { counts, breaches } = await closeTogether(1, seed)
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(counts.accepted).toBeGreaterThan(10)
})

test('a second instance that boots beside the first takes nothing from it', async () => {
  const { runs, taken, breaches } = await bootBeside(25, seed, 'locks')
  expect(breaches, `seed ${seed}`).toEqual([])
  expect(taken).toBe(0)
  expect(runs).toBeGreaterThan(0)
})
