/** The tables, as Markdown. */

import type { Report, Target } from './report.ts'
import { ratiosTo, spreadOf } from './rounds.ts'
import { floorOf, isWithin } from './targets.ts'

/** All cases of a report. */
export function casesTable({ unit, series, reference }: Report): string {
  const rows = series.map((each) => {
    const { median, min, max } = spreadOf(each.values)
    const ratio = spreadOf(ratiosTo(each, reference))
    const range = `${formatNumber(min)}..${formatNumber(max)}`
    return [each.name, each.version ?? '', formatNumber(median), range, formatNumber(ratio.median)]
  })
  return table(['case', 'version', `${unit}, median`, 'min..max', `× ${reference.name}`], rows, 2)
}

export function targetsTable(targets: readonly Target[]): string {
  const rows = targets.map((target) => {
    const { what, bound, limit, unit, values } = target
    const { median, min, max } = spreadOf(values)
    return [
      what,
      `${bound === 'at least' ? '≥' : '≤'} ${limit} ${unit}`,
      `${formatNumber(median)} (${formatNumber(min)}..${formatNumber(max)})`,
      verdict(target, median),
      target.isChecked === true ? formatNumber(floorOf(target)) : '',
    ]
  })
  return table(['target', 'limit', 'median (min..max)', 'verdict', 'floor'], rows, 4)
}

/** What the median says, and how many rounds agree: a target on the edge of the noise shows as one. */
function verdict({ bound, limit, values }: Target, median: number): string {
  const share = Math.abs(median / limit - 1) * 100
  const word = isWithin(median, bound, limit) ? 'met' : `**missed** by ${share.toFixed(0)} %`
  const agreeing = values.filter((value) => isWithin(value, bound, limit)).length
  return values.length === 1 ? word : `${word} (${agreeing} of ${values.length} rounds meet it)`
}

/** A Markdown table. Columns from `firstNumber` on are aligned to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  firstNumber: number,
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const rule = `|${head.map((_, index) => (index < firstNumber ? '---|' : '---:|')).join('')}`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** Three digits that count, and no more than two decimals. */
export function formatNumber(value: number): string {
  const size = Math.abs(value)
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2
  return value.toLocaleString('en', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
}
