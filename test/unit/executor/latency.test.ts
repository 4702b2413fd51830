import { expect, test } from 'vitest'
import { Latency } from '../../../src/executor/latency.ts'
import { seededRandom } from '../../support/random.ts'

test('without samples all numbers are 0', () => {
  expect(new Latency().stats(5)).toEqual({ count: 0, p50: 0, p99: 0, max: 0 })
})

test.each([0, 0.001, 0.25, 1, 3.5, 1_000, 59_999, 3_600_000, 86_400_000])(
  'one sample of %d ms is told within 7 %',
  (took) => {
    const latency = new Latency()
    latency.add(took, 0)
    const { count, p50, p99, max } = latency.stats(0)
    expect([count, max]).toEqual([1, took])
    for (const told of [p50, p99]) {
      expect(told).toBeGreaterThanOrEqual(took * 0.93)
      expect(told).toBeLessThanOrEqual(took)
    }
  },
)

test('what is negative, because a clock went back, counts as nothing', () => {
  const latency = new Latency()
  latency.add(-5, 0)
  expect(latency.stats(0)).toEqual({ count: 1, p50: 0, p99: 0, max: 0 })
})

test('what is longer than the histogram reaches counts as its longest', () => {
  const latency = new Latency()
  latency.add(1e12, 0)
  const { count, p50, max } = latency.stats(0)
  expect([count, max]).toEqual([1, 1e12])
  expect(p50).toBeGreaterThan(10 * 86_400_000)
})

test('percentiles of any samples are within 7 % of the exact ones', () => {
  const random = seededRandom(7)
  const latency = new Latency()
  const samples = Array.from({ length: 5_000 }, () => 10 ** (random() * 8 - 3))
  for (const sample of samples) latency.add(sample, 0)
  samples.sort((a, b) => a - b)
  const { count, p50, p99, max } = latency.stats(0)
  expect([count, max]).toEqual([5_000, samples.at(-1)])
  const near = (told: number, exact: number): void => {
    expect(told / exact).toBeGreaterThan(0.93)
    expect(told / exact).toBeLessThan(1.07)
  }
  near(p50, samples[2_499] as number)
  near(p99, samples[4_949] as number)
})

test('samples leave after a minute, and the rest stays', () => {
  const latency = new Latency()
  latency.add(100, 1_000)
  latency.add(5, 31_000)
  expect(latency.stats(59_000)).toMatchObject({ count: 2, max: 100 })
  expect(latency.stats(61_000)).toMatchObject({ count: 1, max: 5 })
  expect(latency.stats(10_000_000)).toMatchObject({ count: 0, max: 0 })
  latency.add(7, 10_000_001)
  expect(latency.stats(10_000_001)).toMatchObject({ count: 1, max: 7 })
})

test('a sample that arrives after a later one is counted', () => {
  const latency = new Latency()
  latency.add(1, 95_000)
  latency.add(2, 89_000)
  expect(latency.stats(95_000).count).toBe(2)
})
