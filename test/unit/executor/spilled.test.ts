import { expect, test } from 'vitest'
import { createSpilled } from '../../../src/executor/spilled.ts'
import type { TaskState } from '../../../src/task/record.ts'
import { manualClock } from '../../../src/testing.ts'
import { seededRandom } from '../../support/random.ts'

const HOUR_MS = 3_600_000

function state(status: 'pending' | 'scheduled' | 'retrying', dueAt: number): TaskState {
  return { status, dueAt } as TaskState
}

test('what is to come is counted until its time, in whatever order it is taken back', async () => {
  const clock = manualClock()
  const spilled = createSpilled(clock)
  const random = seededRandom(3)
  const states = Array.from({ length: 10_000 }, () =>
    state('scheduled', clock.now() + Math.floor(random() * 1_000 * HOUR_MS)),
  )
  for (const each of states) spilled.add(each)
  expect(spilled.later).toBe(10_000)
  for (const each of states.toSorted(() => random() - 0.5).slice(0, 4_000)) spilled.remove(each)
  expect([spilled.due, spilled.later]).toEqual([0, 6_000])
})

test('what nobody has brought back counts as due at most an eighth later than it is', async () => {
  const clock = manualClock()
  const spilled = createSpilled(clock)
  spilled.add(state('retrying', clock.now() + 8 * HOUR_MS))
  await clock.advance(8 * HOUR_MS - 1)
  expect([spilled.due, spilled.later]).toEqual([0, 1])
  await clock.advance(HOUR_MS + 2)
  expect([spilled.due, spilled.later]).toEqual([1, 0])
  spilled.noneIsDue()
  expect([spilled.due, spilled.later]).toEqual([0, 0])
})

test('never counts below nothing', () => {
  const spilled = createSpilled(manualClock())
  spilled.remove(state('pending', 0))
  spilled.remove(state('scheduled', 0))
  expect([spilled.due, spilled.later]).toEqual([0, 0])
})
