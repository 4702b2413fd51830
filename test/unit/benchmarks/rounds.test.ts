import { describe, expect, it } from 'vitest'
import {
  measure,
  medianOf,
  ratiosTo,
  spreadOf,
  type Case,
  type Progress,
} from '../../../benchmarks/rounds.ts'
import type { Subject } from '../../../benchmarks/subject.ts'
import { report, series } from './sample-result.ts'

function subjectOf(cases: readonly Case[], calls: string[] = []): Subject {
  return {
    title: 'a subject',
    isolated: false,
    rounds: 3,
    warmUps: 2,
    prepare: () => void calls.push('prepare'),
    cases: () => cases,
    report: () => report,
    close: () => void calls.push('close'),
  }
}

/** A case that answers how often it has run. */
function counting(name: string, calls: string[] = [], rest: Partial<Case> = {}): Case {
  let runs = 0
  return {
    name,
    version: '1',
    run() {
      calls.push(name)
      return ++runs
    },
    ...rest,
  }
}

describe('rounds', () => {
  it('run every case once each, beginning with another, and leave out the warm-ups', async () => {
    const calls: string[] = []
    const cases = ['a', 'b'].map((name) => counting(name, calls))
    expect(await measure('x', subjectOf(cases, calls))).toEqual([
      series('a', '1', [3, 4, 5]),
      series('b', '1', [3, 4, 5]),
    ])
    const rounds = ['a', 'b', 'b', 'a', 'a', 'b', 'b', 'a', 'a', 'b']
    expect(calls).toEqual(['prepare', ...rounds, 'close'])
  })

  it('run a case that says so in the first round only', async () => {
    const calls: string[] = []
    const cases = [counting('a', calls), counting('once', calls, { isOnce: true })]
    const [, once] = await measure('x', subjectOf(cases))
    expect(once).toEqual(series('once', '1', [1]))
    expect(calls.filter((name) => name === 'once')).toHaveLength(1)
  })

  it('make a series of each number that a case answers', async () => {
    const both = counting('a', [], { run: () => Promise.resolve({ p50: 1, p99: 2 }) })
    expect(await measure('x', subjectOf([both]))).toEqual([
      series('a: p50', '1', [1, 1, 1]),
      series('a: p99', '1', [2, 2, 2]),
    ])
  })

  it('may be fewer, of some cases, and say where they are', async () => {
    const told: Progress[] = []
    const cases = [counting('a'), counting('b')]
    const options = {
      rounds: 1,
      warmUps: 0,
      only: ['b'],
      onProgress: (at: Progress) => told.push(at),
    }
    expect(await measure('x', subjectOf(cases), options)).toEqual([series('b', '1', [1])])
    expect(told).toEqual([{ round: 1, rounds: 1, case: 'b' }])
  })

  it('close what was prepared when a case fails, when it measures nothing, and when it is unknown', async () => {
    const failing = counting('a', [], { run: () => Promise.reject(new Error('no work was done')) })
    const nothing = counting('b', [], { run: () => Number.NaN })
    const wrong = [
      [failing, undefined, 'no work was done'],
      [nothing, undefined, 'b: measured NaN'],
      [nothing, ['c'], 'no case "c" in "x"'],
    ] as const
    for (const [each, only, message] of wrong) {
      const calls: string[] = []
      await expect(measure('x', subjectOf([each], calls), { only })).rejects.toThrow(message)
      expect(calls.at(-1)).toBe('close')
    }
  })
})

describe('numbers', () => {
  it('are taken as ratios inside their rounds; rounds of one alone are left out', () => {
    expect(ratiosTo(series('a', '1', [10, 30]), series('b', '1', [5, 10, 1]))).toEqual([2, 3])
    expect(ratiosTo(series('a', '1', [10, 30]), series('b', '1', [5]))).toEqual([2])
  })

  it('have a median, also when they are even in number', () => {
    expect(spreadOf([4, 1, 3])).toEqual({ median: 3, min: 1, max: 4 })
    expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5)
  })

  it('of some runs in a row are their median', async () => {
    const values = [9, 1, 2]
    expect(await medianOf(3, () => Promise.resolve(values.pop() as number))).toBe(2)
  })
})
