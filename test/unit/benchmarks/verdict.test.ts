import { describe, expect, it } from 'vitest'
import { planted } from '../../../benchmarks/planted.ts'
import type { Target } from '../../../benchmarks/report.ts'
import { floorOf, GOALS, type Goal } from '../../../benchmarks/targets.ts'
import { verdictsOn } from '../../../benchmarks/verdict.ts'
import { readSources } from '../../package/source-files.ts'
import { report } from './sample-result.ts'

const goal: Goal = { what: 'a ratio', bound: 'at least', limit: 2, unit: '×', isChecked: true }

function breaches(targets: readonly Target[]): readonly boolean[] {
  return verdictsOn({ ...report, targets }).map(({ isBreach }) => isBreach)
}

describe('a floor', () => {
  it('stands 15 % under the target', () => {
    expect(floorOf(goal)).toBeCloseTo(1.7)
    expect(floorOf({ ...goal, bound: 'at most' })).toBeCloseTo(2.3)
  })

  it('stands 15 % under what was measured where the target is missed', () => {
    expect(floorOf({ ...goal, measured: 1 })).toBeCloseTo(0.85)
    expect(floorOf({ ...goal, bound: 'at most', measured: 3 })).toBeCloseTo(3.45)
  })
})

describe('a verdict', () => {
  it('is that of the median: one bad round is none', () => {
    expect(breaches([{ ...goal, values: [0.1, 2, 1.8] }])).toEqual([false])
    expect(breaches([{ ...goal, values: [0.1, 1.6, 9] }])).toEqual([true])
    expect(breaches([{ ...goal, bound: 'at most', values: [1, 2.4, 2.5] }])).toEqual([true])
  })

  it('on no values at all is a breach', () => {
    expect(breaches([{ ...goal, values: [] }])).toEqual([true])
  })

  it('is only for targets that a short run can tell', () => {
    expect(breaches([{ ...goal, isChecked: false, values: [0] }])).toEqual([])
  })

  it('says what, the spread, the floor, the target, and what it was', () => {
    const [verdict] = verdictsOn({
      ...report,
      targets: [{ ...goal, measured: 1, values: [0.5, 0.6, 0.7] }],
    })
    expect(verdict?.text).toBe('a ratio: 0.60 × (0.50..0.70), not under 0.85 (target 2, was 1)')
  })

  it('says when a target that was missed is met: its floor can rise', () => {
    const [verdict] = verdictsOn({ ...report, targets: [{ ...goal, measured: 1, values: [2.5] }] })
    expect(verdict?.text).toContain('(target 2, was 1: now met)')
  })
})

describe('the targets', () => {
  it('have a measured value only where that misses the limit', () => {
    const wrong = Object.entries<Goal>(GOALS).filter(
      ([, { measured, bound, limit }]) =>
        measured !== undefined && (bound === 'at least' ? measured >= limit : measured <= limit),
    )
    expect(wrong).toEqual([])
  })

  it('are ratios, where the check looks at them: other machines have other times', () => {
    const absolute = Object.values<Goal>(GOALS).filter(
      ({ isChecked, unit }) => isChecked === true && unit !== '×',
    )
    expect(absolute).toEqual([])
  })
})

describe('the planted slowdown', () => {
  it('still has its place in the bus', () => {
    const source = readSources().get('events/bus.ts') ?? ''
    expect(planted(source)).toContain('publish(event, except) {\n      JSON.stringify(event)\n')
  })

  it('refuses a source without that place', () => {
    expect(() => planted('export {}')).toThrow('the slowdown has no place in it')
  })
})
