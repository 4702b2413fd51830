/** What the benchmarks write into Markdown pages: between markers, so that the rest of a page is its author's. */

import { casesTable, formatNumber, table, targetsTable } from './markdown.ts'
import type { Target } from './report.ts'
import type { Result } from './results.ts'
import { spreadOf } from './rounds.ts'
import { GOALS, type GoalId } from './targets.ts'

/** Replaces what stands between the markers of `block`. */
export function replaceBlock(page: string, block: string, text: string): string {
  const [begin, end] = markersOf(block)
  const from = page.indexOf(begin)
  const to = page.indexOf(end, from)
  if (from < 0 || to < 0)
    throw new Error(`the page has no place for "${block}": it needs the lines ${begin} and ${end}`)
  return `${page.slice(0, from + begin.length)}\n${text.trim()}\n${page.slice(to)}`
}

export function hasBlock(page: string, block: string): boolean {
  return markersOf(block).every((marker) => page.includes(marker))
}

function markersOf(block: string): readonly [begin: string, end: string] {
  return [`<!-- bench:${block} begin -->`, `<!-- bench:${block} end -->`]
}

/** A subject's part of docs/performance.md. */
export function subjectText(result: Result): string {
  const { report, subject } = result
  return [
    `### ${report.title}`,
    `![${report.title}, ${report.chart?.unit ?? report.unit}: a bar chart of the table below](charts/${subject}.svg)`,
    conditionsText(result),
    report.table ?? casesTable(report),
    ...report.notes,
  ].join('\n\n')
}

function conditionsText({ machine, load, rounds, warmUps, seconds }: Result): string {
  const { date, source, node, cpu, system } = machine
  return (
    `*${date.slice(0, 10)}, plainsight at ${source}, Node ${node.replace('v', '')}, ${cpu}, ${system}; ` +
    `${count(rounds, 'round')} after ${warmUps} to warm up, ${Math.round(seconds)} s; ` +
    `load average ${load.before.toFixed(2)} before, ${load.after.toFixed(2)} after.*`
  )
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}

/** All targets, in the order of targets.ts; what no result speaks of is said to be unmeasured. */
export function targetsText(results: ReadonlyMap<string, Result>): string {
  const all = [...results.values()].flatMap(({ report }) => report.targets)
  const measured = new Map(all.flatMap((each) => (each.id === undefined ? [] : [[each.id, each]])))
  const ids = Object.keys(GOALS) as GoalId[]
  const known = ids.flatMap((id): readonly Target[] => {
    const found = measured.get(id)
    return found === undefined ? [] : [found]
  })
  const others = all.filter(({ id }) => id === undefined)
  const missing = ids.filter((id) => !measured.has(id)).map((id) => GOALS[id].what)
  const texts = [targetsTable([...known, ...others])]
  if (missing.length > 0) texts.push(`Not measured yet: ${missing.join('; ')}.`)
  return texts.join('\n\n')
}

/** What the README says: a chart, and each of these ratios beside its target, met or not. */
export function summaryText(
  results: ReadonlyMap<string, Result>,
  { chart, ids }: { readonly chart: string; readonly ids: readonly GoalId[] },
): string {
  const all = [...results.values()].flatMap(({ report }) => report.targets)
  const rows = ids.flatMap((id) => {
    const found = all.find((each) => each.id === id)
    if (found === undefined) return []
    const { what, bound, limit, unit, values } = found
    const measured = `${formatNumber(spreadOf(values).median)} ${unit}`
    return [[what, measured, `${bound === 'at least' ? '≥' : '≤'} ${limit} ${unit}`]]
  })
  const parts = [table(['side by side, in one run', 'median', 'our target'], rows, 1)]
  const drawn = results.get(chart)
  if (drawn !== undefined)
    parts.unshift(`![${drawn.report.title}: a bar chart](docs/charts/${chart}.svg)`)
  return parts.join('\n\n')
}
