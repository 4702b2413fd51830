import { describe, expect, test } from 'vitest'
import {
  mergedStream,
  rangeStream,
  sievedStream,
  type SeqSpan,
  type SeqStream,
} from '../../../src/backends/sqlite/seq-stream.ts'

const all: SeqSpan = { low: 0, high: 1_000, order: 'oldest' }

/** A stream over these positions, as an index would give them; `asked` notes how many were asked for. */
function over(seqs: readonly number[], span: SeqSpan = all, asked: number[] = []): SeqStream {
  return rangeStream(({ low, high, order }, count) => {
    asked.push(count)
    const found = seqs.filter((seq) => seq >= low && seq <= high).toSorted((a, b) => a - b)
    return (order === 'oldest' ? found : found.toReversed()).slice(0, count)
  }, span)
}

function drained(stream: SeqStream, count: number): number[][] {
  const parts: number[][] = []
  for (;;) {
    const part = stream.take(count)
    if (part.length === 0) return parts
    parts.push([...part])
  }
}

describe('a range', () => {
  test('goes on behind what it gave, within its span, in its order', () => {
    const seqs = [1, 5, 9, 14, 20]
    expect(drained(over(seqs), 2)).toEqual([[1, 5], [9, 14], [20]])
    const newest = { low: 5, high: 14, order: 'newest' } as const
    expect(drained(over(seqs, newest), 2)).toEqual([[14, 9], [5]])
  })

  test('is not asked again once it had less than was asked for', () => {
    const asked: number[] = []
    const stream = over([1, 2, 3], all, asked)
    expect([stream.take(5), stream.take(5), stream.take(5)]).toEqual([[1, 2, 3], [], []])
    expect(asked).toEqual([5])
  })
})

describe('merged ranges', () => {
  test('give each position once and in order, however the ranges interleave', () => {
    const parts = [[1, 4, 7], [2, 3, 900], [], [5], [4, 6]]
    for (const order of ['oldest', 'newest'] as const) {
      const span = { ...all, order }
      const merged = mergedStream(
        parts.map((seqs) => over(seqs, span)),
        order,
        1,
      )
      const expected = [1, 2, 3, 4, 5, 6, 7, 900]
      expect(drained(merged, 3).flat()).toEqual(
        order === 'oldest' ? expected : expected.toReversed(),
      )
    }
  })

  test('ask a range that has little to give for little', () => {
    const asked: number[] = []
    const dense = over(Array.from({ length: 400 }, (_, seq) => seq))
    const rare = over([0.5, 399.5], all, asked)
    mergedStream([dense, rare], 'oldest', 2).take(300)
    expect(asked.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(10)
  })
})

describe('a sieve', () => {
  test('keeps what matches, of so many positions, and passes the rest on as it comes', () => {
    const looked: number[] = []
    const even = (seqs: readonly number[]): readonly number[] => {
      looked.push(...seqs)
      return seqs.filter((seq) => seq % 2 === 0)
    }
    const seqs = Array.from({ length: 300 }, (_, seq) => seq)
    const sieved = sievedStream(over(seqs), even, 100)
    const found = drained(sieved, 7).flat()
    expect(found.slice(0, 50)).toEqual(seqs.filter((seq) => seq % 2 === 0).slice(0, 50))
    expect(looked.length).toBeLessThan(300)
    expect(found.slice(-100)).toEqual(seqs.slice(-100))
  })
})
