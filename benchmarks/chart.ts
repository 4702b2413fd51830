/** A bar chart of a report, as SVG: on a panel of its own, so that it can be read on any page, in both themes. */

import { formatNumber } from './markdown.ts'
import type { Report } from './report.ts'
import { spreadOf, type Series } from './rounds.ts'

/** Beyond this the smallest bars of a linear scale are too short to be compared. */
const LINEAR_SPAN = 50
const WIDTH = 880
const PADDING = 20
const ROW = 30
const BAR = 16
const HEAD = 62
const FOOT = 66
const VALUE_ROOM = 76
/** A guess, on the wide side: fonts differ. Ours are bold. */
const CHARACTER = 7.4
const BOLD_CHARACTER = 8
const MAX_LABEL = 460

/** A halo keeps text apart from the lines behind it. */
const STYLE = `
.panel{fill:#fff;stroke:#d1d9e0}
text{fill:#1f2328;stroke:#fff;stroke-width:3px;paint-order:stroke;stroke-linejoin:round;font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.title{font-size:16px;font-weight:600}
.muted{fill:#59636e;font-size:12px}
.name{font-weight:600}
.grid{stroke:#d1d9e0}
.axis{stroke:#59636e}
.ours{fill:#0969da}
.rival{fill:#8c959f}
.whisker{stroke:#1f2328;stroke-width:1.5;fill:none}
.halo{stroke:#fff;stroke-width:6}
.target{stroke:#bc4c00;stroke-width:2;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){
.panel{fill:#0d1117;stroke:#3d444d}
text{fill:#f0f6fc;stroke:#0d1117}
.muted{fill:#9198a1}
.grid{stroke:#30363d}
.axis{stroke:#9198a1}
.ours{fill:#388bfd}
.rival{fill:#6e7681}
.whisker{stroke:#f0f6fc}
.halo{stroke:#0d1117}
.target{stroke:#f0883e}
}`

interface Row {
  readonly series: Series
  readonly isOurs: boolean
  readonly median: number
  readonly min: number
  readonly max: number
  /** Targets that stand on this bar. */
  readonly marks: readonly number[]
}

interface Scale {
  readonly isLog: boolean
  readonly ticks: readonly number[]
  /** 0 to 1; values outside the scale come to its ends. */
  at(value: number): number
}

/** @param ownVersion - of the cases that are ours and are drawn in our colour */
export function chartOf(report: Report, ownVersion: string): string {
  const rows = rowsOf(report, ownVersion)
  const scale = scaleOf(rows)
  const hasMarks = rows.some(({ marks }) => marks.length > 0)
  const left = PADDING + Math.max(...rows.map(labelWidth)) + 12
  const width = WIDTH - left - VALUE_ROOM - PADDING
  const bottom = HEAD + rows.length * ROW
  const height = bottom + FOOT
  const x = (value: number): number => round(left + scale.at(value) * width)
  const unit = report.chart?.unit ?? report.unit
  const better = report.unit.endsWith('/s') ? 'more is better' : 'less is better'

  const grid = scale.ticks.map(
    (tick) =>
      `<line class="grid" x1="${x(tick)}" y1="${HEAD}" x2="${x(tick)}" y2="${bottom}"/>` +
      `<text class="muted" x="${x(tick)}" y="${bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`,
  )
  const bars = rows.map((row, index) => barOf(row, HEAD + index * ROW, left, x, scale))
  const legend = [
    'bar: median',
    rows.some(({ min, max }) => min !== max) ? 'whisker: least and most of all rounds' : '',
    hasMarks ? 'dashed: our target' : '',
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escape(report.title)}: ${escape(unit)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="panel" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    `<text class="title" x="${PADDING}" y="28">${escape(report.title)}</text>`,
    `<text class="muted" x="${PADDING}" y="48">${escape(legend.filter((part) => part !== '').join(' · '))}</text>`,
    ...grid,
    ...bars,
    `<line class="axis" x1="${round(left)}" y1="${bottom}" x2="${round(left + width)}" y2="${bottom}"/>`,
    `<text x="${round(left + width / 2)}" y="${bottom + 42}" text-anchor="middle">${escape(unit)}, ${better}${scale.isLog ? ' (logarithmic scale)' : ''}</text>`,
    '</svg>\n',
  ].join('\n')
}

function rowsOf(report: Report, ownVersion: string): readonly Row[] {
  const charted = report.chart?.series ?? report.series
  return charted.map((series) => ({
    series,
    isOurs: series.version === ownVersion,
    ...spreadOf(series.values),
    marks: report.targets.flatMap(({ mark, limit }) =>
      mark?.case === series.name ? [mark.perLimit * limit] : [],
    ),
  }))
}

function barOf(
  row: Row,
  top: number,
  left: number,
  x: (value: number) => number,
  { isLog }: Scale,
): string {
  const { series, isOurs, median, min, max, marks } = row
  const middle = top + ROW / 2
  const zero = isLog ? round(left) : x(0)
  const [from, to] = [Math.min(zero, x(median)), Math.max(zero, x(median))]
  const end = Math.max(to, x(max), ...marks.map(x)) + 8
  const version =
    series.version === undefined || isOurs
      ? ''
      : `<tspan class="muted" dx="6">${escape(series.version)}</tspan>`
  return [
    `<text${isOurs ? ' class="name"' : ''} x="${round(left - 10)}" y="${middle + 4.5}" text-anchor="end">${escape(labelText(row))}${version}</text>`,
    `<rect class="${isOurs ? 'ours' : 'rival'}" x="${from}" y="${middle - BAR / 2}" width="${round(Math.max(to - from, 1))}" height="${BAR}" rx="2"/>`,
    min === max ? '' : `<path class="whisker" d="M${x(min)} ${middle - 4}v8m0-4H${x(max)}m0-4v8"/>`,
    // On a bar a dashed line is hard to see without its halo.
    ...marks.flatMap((mark) =>
      ['halo', 'target'].map(
        (kind) =>
          `<line class="${kind}" x1="${x(mark)}" y1="${top + 2}" x2="${x(mark)}" y2="${top + ROW - 2}"/>`,
      ),
    ),
    `<text${isOurs ? ' class="name"' : ''} x="${round(end)}" y="${middle + 4.5}">${formatNumber(median)}</text>`,
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** Linear from 0; logarithmic when the medians lie far apart, which takes values above 0. */
export function scaleOf(rows: readonly Pick<Row, 'median' | 'min' | 'max' | 'marks'>[]): Scale {
  const values = rows.flatMap(({ median, min, max, marks }) => [median, min, max, ...marks])
  const medians = rows.map(({ median }) => median)
  const isLog =
    Math.min(...medians) > 0 && Math.max(...medians) / Math.min(...medians) > LINEAR_SPAN
  if (!isLog) {
    const most = Math.max(...values)
    const least = Math.min(0, ...values)
    // A hair below 0 is noise, and no reason for an axis with another side.
    return linearScale(least > -most / LINEAR_SPAN ? 0 : least, most)
  }
  return logScale(Math.min(...values.filter((value) => value > 0)), Math.max(...values))
}

function linearScale(least: number, most: number): Scale {
  const step = niceStep((most - least || 1) / 5)
  const first = Math.floor(least / step)
  const last = Math.max(Math.ceil(most / step), first + 1)
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step)
  const [low, high] = [first * step, last * step]
  return { isLog: false, ticks, at: (value) => clamp((value - low) / (high - low)) }
}

function logScale(least: number, most: number): Scale {
  const low = Math.floor(Math.log10(least))
  const high = Math.max(Math.ceil(Math.log10(most)), low + 1)
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
  const at = (value: number): number =>
    value <= 0 ? 0 : clamp((Math.log10(value) - low) / (high - low))
  return { isLog: true, ticks, at }
}

/** 1, 2 or 5 times a power of ten, at least `rough`. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10)
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}

function tickText(value: number): string {
  return value.toLocaleString('en', { notation: 'compact', maximumSignificantDigits: 3 })
}

function labelWidth(row: Row): number {
  const { series, isOurs } = row
  const version = series.version === undefined || isOurs ? 0 : series.version.length + 1
  return labelText(row).length * characterOf(row) + version * CHARACTER
}

/** What does not fit beside the bars is cut: the table has the whole name. */
function labelText(row: Row): string {
  const { name, version = '' } = row.series
  const most = Math.floor(MAX_LABEL / characterOf(row)) - (row.isOurs ? 0 : version.length + 1)
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`
}

function characterOf({ isOurs }: Row): number {
  return isOurs ? BOLD_CHARACTER : CHARACTER
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
