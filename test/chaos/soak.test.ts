import { expect, test } from 'vitest'
import { runSoak, type Soak } from './soak.ts'

const EMPTY: Soak = { kind: 'empty', maxSlope: 2, end: 'task.succeeded' }

test('200,000 tasks in memory leave nothing on the heap', async () => {
  expect((await runSoak(EMPTY, 200_000)).breaches).toEqual([])
})

test('one object in 20 that is kept is seen', async () => {
  expect((await runSoak({ ...EMPTY, planted: 20 }, 200_000)).breaches).toEqual([])
})

test.each([
  ['failing', 'task.failed'],
  ['cancelled', 'task.cancelled'],
  ['timed out', 'task.failed'],
  ['listening', 'task.succeeded'],
])('10,000 %s tasks leave neither their errors nor their listeners', async (kind, end) => {
  // What a failed task leaves, if it does, is a kilobyte.
  expect((await runSoak({ kind, maxSlope: 500, end }, 10_000)).breaches).toEqual([])
})

test('600,000 log lines leave nothing but those that are kept', async () => {
  // The records of the last thousand tasks are: a hundred thousand lines, which are there before the slope is looked at.
  const soak = { kind: 'logging', maxSlope: 5, end: 'task.succeeded' }
  expect((await runSoak(soak, 600_000)).breaches).toEqual([])
})
