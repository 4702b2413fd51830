import { expect, test } from 'vitest'
import { WallClock } from '../../../src/executor/wall-clock.ts'
import { manualClock } from '../../../src/testing.ts'
import type { Clock } from '../../../src/task/clock.ts'

/** A system clock whose time is set by hand, and that counts how often the wall clock was read. */
function systemLike(): { clock: Clock; real: { ms: number; setBy: number; readings: number } } {
  const real = { ms: 0, setBy: 1_700_000_000_000.25, readings: 0 }
  const clock: Clock = {
    ...manualClock(),
    now() {
      real.readings += 1
      return Math.floor(real.ms + real.setBy)
    },
    monotonic: () => real.ms,
  }
  return { clock, real }
}

test('the time is what the wall clock says at that instant, with one reading for many instants', () => {
  const { clock, real } = systemLike()
  const wall = new WallClock(clock, true)
  for (let step = 0; step < 20_000; step++) {
    // Until the first millisecond has begun, nothing is known of when they do.
    if (step === 1_000) real.readings = 0
    real.ms += 0.001
    expect(wall.at(real.ms)).toBe(Math.floor(real.ms + real.setBy))
  }
  expect(real.readings).toBeLessThan(19_000 / 100)
})

test('instants that lie far apart are each right', () => {
  const { clock, real } = systemLike()
  const wall = new WallClock(clock, true)
  for (const step of [0.3, 0.9, 1.1, 0.01, 7.77, 0.4, 1_000.6, 0.2, 3_600_000.5, 0.7, 0.1]) {
    real.ms += step
    expect(wall.at(real.ms)).toBe(Math.floor(real.ms + real.setBy))
  }
})

test('a clock that was set is noticed within a millisecond, and at once by whoever reads it', () => {
  const { clock, real } = systemLike()
  const wall = new WallClock(clock, true)
  const expectRight = (): void => expect(wall.at(real.ms)).toBe(Math.floor(real.ms + real.setBy))
  for (let step = 0; step < 3_000; step++) {
    real.ms += 0.001
    wall.at(real.ms)
  }
  for (const change of [86_400_000, -86_400_000, 5, -5]) {
    real.setBy += change
    real.ms += 1
    expectRight()
    real.setBy += change
    expect(wall.now()).toBe(Math.floor(real.ms + real.setBy))
    expectRight()
    // Right after a jump nothing is taken for granted.
    real.setBy += change
    expectRight()
  }
})

test('a clock of somebody else is asked each time', () => {
  const { clock, real } = systemLike()
  const wall = new WallClock(clock, false)
  for (let step = 0; step < 5; step++) {
    real.ms += 0.5
    expect(wall.at(real.ms)).toBe(Math.floor(real.ms + real.setBy))
  }
  expect(real.readings).toBe(5)
})
