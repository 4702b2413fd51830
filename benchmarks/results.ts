/** What a subject has measured, as a JSON file: docs/performance.md is made of these, and later runs compare with them. */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'
import { formatNumber, table } from './markdown.ts'
import type { Report, Target } from './report.ts'
import { ratiosTo, spreadOf } from './rounds.ts'
import { GOALS, type Goal, type GoalId } from './targets.ts'
import { writeWhole } from './write-whole.ts'

export interface Result {
  readonly subject: string
  readonly machine: Machine
  /** Load average over one minute. */
  readonly load: { readonly before: number; readonly after: number }
  readonly rounds: number
  readonly warmUps: number
  readonly seconds: number
  readonly report: Report
}

/** The numbers behind docs/performance.md; they are part of the repository. */
export const RESULTS: string = join(import.meta.dirname, 'results')
/** Those of short runs, which are nobody's. */
export const PARTIAL_RESULTS: string = join(RESULTS, 'partial')

const SIGNIFICANT_DIGITS = 5

export function saveResult(directory: string, result: Result): void {
  mkdirSync(directory, { recursive: true })
  writeWhole(join(directory, `${result.subject}.json`), resultText(result))
}

/** The result as it is read back. */
export function resultText({ report, ...result }: Result): string {
  const targets = report.targets.map(({ id, values, mark, ...goal }) =>
    // What targets.ts says is read from there: the file has what was measured.
    id === undefined ? { ...goal, values, mark } : { id, values, mark },
  )
  const stored = { ...report, reference: report.reference.name, targets }
  const short = (_key: string, value: unknown): unknown =>
    typeof value === 'number' ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : value
  const text = JSON.stringify({ ...result, report: stored }, short, 1)
  // A round's values belong on one line.
  return `${text.replaceAll(/\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g, (_all, values: string) => `[${values.replaceAll(/\s+/g, ' ')}]`)}\n`
}

export function parseResult(text: string): Result {
  const { report, ...result } = JSON.parse(text) as Omit<Result, 'report'> & {
    readonly report: Omit<Report, 'reference'> & { readonly reference: string }
  }
  const all = [...report.series, ...(report.chart?.series ?? [])]
  const reference = all.find(({ name }) => name === report.reference)
  if (reference === undefined)
    throw new Error(`the result of ${result.subject} has no case "${report.reference}"`)
  const targets = report.targets.flatMap((stored): readonly Target[] => {
    if (stored.id === undefined) return [stored]
    // A target that no longer exists has nothing to say.
    const goal = (GOALS as Readonly<Partial<Record<GoalId, Goal>>>)[stored.id]
    return goal === undefined ? [] : [{ ...goal, ...stored }]
  })
  return { ...result, report: { ...report, reference, targets } }
}

export function readResult(directory: string, subject: string): Result | undefined {
  const path = join(directory, `${subject}.json`)
  return existsSync(path) ? parseResult(readFileSync(path, 'utf8')) : undefined
}

/** The results of a directory, or of one file, by subject. */
export function readResults(path: string): ReadonlyMap<string, Result> {
  if (!existsSync(path)) return new Map()
  const paths = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(path, name))
    : [path]
  const results = paths.map((each) => parseResult(readFileSync(each, 'utf8')))
  return new Map(results.map((each) => [each.subject, each]))
}

/**
 * How the ratio of each case to the reference has changed: between two runs the machine is another, and what it does to all
 * cases alike goes out.
 */
export function comparison(before: Result, now: Result): string {
  const { series, reference } = now.report
  const old = before.report.series
  const oldReference = old.find(({ name }) => name === reference.name) ?? before.report.reference
  const rows = series.map((each) => {
    const ratio = spreadOf(ratiosTo(each, reference)).median
    const was = old.find(({ name }) => name === each.name)
    if (was === undefined) return [each.name, 'none', formatNumber(ratio), '']
    const wasRatio = spreadOf(ratiosTo(was, oldReference)).median
    const change = (ratio / wasRatio - 1) * 100
    const text = `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(0)} %`
    return [each.name, formatNumber(wasRatio), formatNumber(ratio), text]
  })
  const from = `${before.machine.source} of ${before.machine.date.slice(0, 10)}`
  const head = ['case', `× ${reference.name}: ${from}`, `now, ${now.machine.source}`, 'change']
  return table(head, rows, 1)
}
