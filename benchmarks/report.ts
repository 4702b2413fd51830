/** What a subject reports, and the Markdown of it. */

import { ratiosTo, spreadOf, type Series, type Spread } from './rounds.ts'

/** What one subject has measured. */
export interface Report {
  readonly title: string
  /** Of the values: `tasks/s`, `ns/call`, `ms`. */
  readonly unit: string
  readonly series: readonly Series[]
  /** The case to which the last column compares the others. */
  readonly reference: Series
  readonly targets: readonly Target[]
  /** What a reader has to know to judge the numbers. */
  readonly notes: readonly string[]
}

/** A number that we have set ourselves. */
export interface Target {
  readonly what: string
  readonly bound: 'at least' | 'at most'
  readonly limit: number
  /** `×` for ratios. */
  readonly unit: string
  /** One value per round. */
  readonly values: readonly number[]
}

/** A Markdown table of all cases, and the notes below it. */
export function reportText(report: Report): string {
  const { title, unit, series, reference, notes } = report
  const rows = series.map((each) => {
    const { median, min, max } = spreadOf(each.values)
    const ratio = spreadOf(ratiosTo(each, reference))
    const range = `${number(min)}..${number(max)}`
    return [each.name, each.version ?? '', number(median), range, number(ratio.median)]
  })
  const head = ['case', 'version', `${unit}, median`, 'min..max', `× ${reference.name}`]
  const table = markdownTable(head, rows, 2)
  return [`## ${title}`, '', table, ...notes.map((note) => `\n${note}`)].join('\n')
}

/** A Markdown table of the targets of all reports. */
export function targetsText(reports: readonly Report[]): string {
  const rows = reports.flatMap(({ targets }) =>
    targets.map((target) => {
      const { what, bound, limit, unit, values } = target
      const spread = spreadOf(values)
      const range = `${number(spread.min)}..${number(spread.max)}`
      const sign = bound === 'at least' ? '≥' : '≤'
      return [
        what,
        `${sign} ${limit} ${unit}`,
        `${number(spread.median)} (${range})`,
        verdict(target, spread),
      ]
    }),
  )
  const head = ['target', 'limit', 'measured: median (min..max)', 'verdict']
  return ['## Targets', '', markdownTable(head, rows, 4)].join('\n')
}

/** What the median says, and how many rounds agree: a target on the edge of the noise shows as one. */
function verdict({ bound, limit, values }: Target, { median }: Spread): string {
  const isMet = (value: number): boolean => (bound === 'at least' ? value >= limit : value <= limit)
  const share = Math.abs(median / limit - 1) * 100
  const word = isMet(median) ? 'met' : `**missed** by ${share.toFixed(0)} %`
  return `${word} (${values.filter(isMet).length} of ${values.length} rounds meet it)`
}

/** Columns from `firstNumber` on are aligned to the right. */
function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  firstNumber: number,
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = `|${head.map((_, index) => (index < firstNumber ? '---|' : '---:|')).join('')}`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** Three digits that count, and no more than two decimals. */
function number(value: number): string {
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
}
