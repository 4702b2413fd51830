import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/executor/system-clock.ts'
import { chosenSeed } from '../support/random.ts'
import { farOffsets, HOUR_AND_DAY, jumpRun } from './clock-jumps.ts'
import { injectedSkew, longDelays } from './clock.ts'

test.each([
  ['by an hour and by a day', HOUR_AND_DAY, true],
  ['to 1970 and past 2038', farOffsets(), false],
] as const)(
  'when the wall clock jumps %s between two writes, nothing starts early, late or twice',
  async (_title, offsets, keepsRecords) => {
    const seed = chosenSeed()
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-clock-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    let offsetMs = 0
    const { breaches, jumps, runs } = await jumpRun({
      path: join(directory, 'tasks.db'),
      clock: { ...systemClock, now: () => Date.now() + offsetMs },
      jump: (seconds) => {
        offsetMs = seconds * 1_000
      },
      offsets,
      seed,
      tasks: 60,
      lagMs: 4_000,
      keepsRecords,
    })
    expect(breaches, `seed ${seed}`).toEqual([])
    expect(jumps).toBeGreaterThan(5)
    expect(runs).toBeGreaterThan(30)
  },
)

test('executors whose wall clocks differ by less than half a lease take nothing from each other', async () => {
  const { tasks, runs } = await injectedSkew(7_000)
  expect(runs).toBe(tasks)
})

test('delays longer than a timer can be do not fire early', async () => {
  expect(await longDelays()).toEqual([])
})
