import { describe, expect, it } from 'vitest'
import { chartOf, scaleOf } from '../../../benchmarks/chart.ts'
import { ours, report, rival, series } from './sample-result.ts'

const chart = chartOf(report, '1.2.3')

function row(median: number, { min = median, max = median, marks = [] as number[] } = {}) {
  return { median, min, max, marks }
}

describe('a chart', () => {
  it('names every case, and its median', () => {
    expect(chart).toContain('>plainsight</text>')
    expect(chart).toContain('p-queue &lt;fast&gt; | loud')
    expect(chart).toContain('>200</text>')
    expect(chart).toContain('>100</text>')
  })

  it('says the unit on its axis, and which end is better', () => {
    expect(chart).toContain('>tasks/s, more is better</text>')
    const times = chartOf({ ...report, unit: 'ms' }, '1.2.3')
    expect(times).toContain('>ms, less is better</text>')
  })

  it('draws ours apart from the rivals', () => {
    expect(chart.match(/class="ours"/g)).toHaveLength(1)
    expect(chart.match(/class="rival"/g)).toHaveLength(1)
  })

  it('shows the spread of each case that has one, and the target where it stands', () => {
    expect(chart.match(/class="whisker"/g)).toHaveLength(2)
    expect(chart.match(/class="target"/g)).toHaveLength(1)
    const steady = series('plainsight', '1.2.3', [5])
    const plain = { ...report, series: [steady], reference: steady, targets: [] }
    expect(chartOf(plain, '1.2.3')).not.toMatch(/class="(whisker|target)"/)
  })

  it('has colours for both themes on a panel of its own', () => {
    expect(chart).toContain('prefers-color-scheme:dark')
    expect(chart).toContain('<rect class="panel"')
  })

  it('keeps every number inside the picture', () => {
    const [, width = '', height = ''] = /viewBox="0 0 (\d+) ([\d.]+)"/.exec(chart) ?? []
    const places = (name: string): number[] =>
      [...chart.matchAll(new RegExp(` ${name}[12]?="(-?[\\d.]+)"`, 'g'))].map(([, at]) =>
        Number(at),
      )
    expect(Math.min(...places('x'), ...places('y'))).toBeGreaterThanOrEqual(0)
    expect(Math.max(...places('x'))).toBeLessThan(Number(width))
    expect(Math.max(...places('y'))).toBeLessThan(Number(height))
  })

  it('cuts a name that would leave no room for bars', () => {
    const long = { ...ours, name: 'plainsight '.repeat(20) }
    expect(chartOf({ ...report, series: [long, rival], targets: [] }, '1.2.3')).toContain(
      '…</text>',
    )
  })

  it('may show other series than the table', () => {
    const p99 = series('plainsight: p99', '1.2.3', [7])
    const other = chartOf({ ...report, chart: { series: [p99], unit: 'ms, p99' } }, '1.2.3')
    expect(other).toContain('plainsight: p99')
    expect(other).not.toContain('p-queue')
    expect(other).toContain('ms, p99')
  })
})

describe('a scale', () => {
  it('is linear from 0 while the medians can be compared by eye', () => {
    const scale = scaleOf([row(10), row(400, { max: 480 })])
    expect(scale).toMatchObject({ isLog: false, ticks: [0, 100, 200, 300, 400, 500] })
    expect(scale.at(250)).toBe(0.5)
  })

  it('is logarithmic beyond that, in whole powers of ten', () => {
    const scale = scaleOf([row(3), row(20_000)])
    expect(scale).toMatchObject({ isLog: true, ticks: [1, 10, 100, 1_000, 10_000, 100_000] })
    expect(scale.at(1_000)).toBeCloseTo(0.6)
  })

  it('goes below 0 when a value does', () => {
    const scale = scaleOf([row(-0.2, { min: -1.9, max: 1.6 }), row(20)])
    expect(scale.isLog).toBe(false)
    expect(scale.ticks[0]).toBeLessThanOrEqual(-1.9)
    expect(scale.at(-1.9)).toBeGreaterThanOrEqual(0)
  })

  it('reaches as far as a target beyond all bars', () => {
    expect(scaleOf([row(10, { marks: [90] })]).ticks.at(-1)).toBeGreaterThanOrEqual(90)
  })

  it('is drawn for a single value, and for nothing but zeros', () => {
    for (const rows of [[row(7)], [row(0)]]) {
      const { ticks, at } = scaleOf(rows)
      expect(ticks.every((tick) => Number.isFinite(tick))).toBe(true)
      expect(at(7)).toBeGreaterThanOrEqual(0)
    }
  })
})
