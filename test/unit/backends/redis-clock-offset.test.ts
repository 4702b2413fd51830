import { expect, test } from 'vitest'
import { createClockOffset } from '../../../src/backends/redis/clock-offset.ts'

const NOW = 1_700_000_000_000

test('an answer that was long on its way does not look like a clock that is ahead', () => {
  const clock = createClockOffset()
  // Redis was frozen for 1.8 s and then said what time it is.
  clock.note(NOW + 1_800, { sentAt: NOW, answeredAt: NOW + 1_800 })
  expect(clock.toServer(NOW)).toBe(NOW)
  // It answered at once, and the way back took long.
  clock.note(NOW, { sentAt: NOW, answeredAt: NOW + 1_800 })
  expect(clock.toServer(NOW)).toBe(NOW)
})

test('a difference is taken over from an answer that proves it, and kept through those that prove nothing', () => {
  const clock = createClockOffset()
  clock.note(NOW + 60_010, { sentAt: NOW, answeredAt: NOW + 20 })
  expect(clock.toServer(NOW)).toBe(NOW + 60_000)
  expect(clock.toLocal(NOW + 60_000)).toBe(NOW)
  clock.note(NOW + 61_800, { sentAt: NOW, answeredAt: NOW + 1_800 })
  expect(clock.toServer(NOW)).toBe(NOW + 60_000)
  // Slow, and yet clearly another one.
  clock.note(NOW - 59_100, { sentAt: NOW, answeredAt: NOW + 1_800 })
  expect(clock.toServer(NOW)).toBe(NOW - 60_000)
  clock.note(NOW + 5, { sentAt: NOW, answeredAt: NOW + 10 })
  expect(clock.toServer(NOW)).toBe(NOW)
})

test('a clock that was set while the answer was on its way is measured by the next one', () => {
  const clock = createClockOffset()
  clock.note(NOW, { sentAt: NOW, answeredAt: NOW - 3_600_000 })
  expect(clock.toServer(NOW)).toBe(NOW)
})
