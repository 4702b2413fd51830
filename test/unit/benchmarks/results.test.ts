import { describe, expect, it } from 'vitest'
import { comparison, parseResult, resultText } from '../../../benchmarks/results.ts'
import { GOALS } from '../../../benchmarks/targets.ts'
import { ours, report, result, rival, series } from './sample-result.ts'

describe('a result file', () => {
  it('comes back as it was written', () => {
    expect(parseResult(resultText(result))).toEqual(result)
  })

  it('is the same text when it is written again', () => {
    const text = resultText(result)
    expect(resultText(parseResult(text))).toBe(text)
  })

  it('keeps what was measured, and reads limits from targets.ts', () => {
    const text = resultText(result)
    expect(text).not.toContain(GOALS['core: p-queue'].what)
    expect(parseResult(text).report.targets[0]).toMatchObject(GOALS['core: p-queue'])
  })

  it('leaves out a target that no longer exists', () => {
    const text = resultText(result).replace('"core: p-queue"', '"core: long gone"')
    expect(parseResult(text).report.targets).toEqual([])
  })

  it('has five digits of each number, and the values of a case on one line', () => {
    const fine = series('plainsight', '1', [123_456.789, 0.000_123_456_7, 2e9, -0.5])
    const text = resultText({ ...result, report: { ...report, series: [fine, rival] } })
    expect(text).toContain('[123460, 0.00012346, 2000000000, -0.5]')
  })

  it('says which reference it lacks', () => {
    const text = resultText(result).replace(`"reference": "${rival.name}"`, '"reference": "gone"')
    expect(() => parseResult(text)).toThrow('the result of core has no case "gone"')
  })
})

describe('a comparison', () => {
  it('shows how the ratio of each case to the reference has changed', () => {
    const faster = series(ours.name, ours.version, [600, 400, 800])
    const now = { ...result, report: { ...report, series: [faster, rival] } }
    // Ratios in their rounds: 3, 1 and 0.5 before; 6, 4 and 2 now.
    expect(comparison(result, now).split('\n').slice(2)).toEqual([
      '| plainsight | 1.00 | 4.00 | +300 % |',
      '| p-queue <fast> \\| loud | 1.00 | 1.00 | +0 % |',
    ])
  })

  it('names a case that the other run has not got', () => {
    const fresh = series('a new one', '1', [50, 50, 50])
    const now = { ...result, report: { ...report, series: [fresh, rival] } }
    expect(comparison(result, now)).toContain('| a new one | none | 0.50 |  |')
  })
})
