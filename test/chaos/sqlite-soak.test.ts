import { expect, test } from 'vitest'
import { soakFile } from './sqlite-soak.ts'

const TASKS = 20_000

test(`${TASKS} tasks through a file with retention: the log, the file and the heap stay small`, async () => {
  const { counts, breaches } = await soakFile(TASKS, 0)
  expect(breaches, `${counts}`).toEqual([])
})

test('the soak would see a leak', async () => {
  // Among so few tasks it has to be a large one: each keeps an object.
  const { counts, breaches } = await soakFile(TASKS, 1)
  expect(breaches, `${counts}`).toEqual([])
})
