/** docs/telemetry-reference.md as data: the tables that users read, from the page itself. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const page = readFileSync(join(import.meta.dirname, '../../docs/telemetry-reference.md'), 'utf8')

export interface PublishedSpan {
  readonly kinds: readonly string[]
  readonly attributes: readonly string[]
}

export interface PublishedMetric {
  readonly kind: string
  readonly unit: string
  readonly description: string
  readonly attributes: readonly string[]
}

/** By the first word of the span's name. */
export const publishedSpans: ReadonlyMap<string, PublishedSpan> = new Map(
  [...page.matchAll(/^### `(\w+) \{task\}`\n\n(.*?)\n\nAttributes: (.*?)$/gms)].map(
    ([, name = '', text = '', attributes = '']) => [
      name,
      { kinds: text.match(/\b[A-Z]{6,}\b/g) ?? [], attributes: quoted(attributes) },
    ],
  ),
)

/** Attributes by the record's name; a line of a task has the name ''. */
export const publishedRecords: ReadonlyMap<string, readonly string[]> = new Map(
  rowsOf('Log records').map(([name = '', , attributes = '']) => [
    quoted(name).find((each) => each !== 'taskLog') ?? '',
    quoted(attributes),
  ]),
)

/** Levels as in the page, which for some names several. */
export const publishedLevels: ReadonlyMap<string, string> = new Map(
  rowsOf('Log records').map(([name = '', level = '']) => [
    quoted(name).find((each) => each !== 'taskLog') ?? '',
    level,
  ]),
)

const KINDS: Readonly<Record<string, string>> = {
  Counter: 'counter',
  Histogram: 'histogram',
  ObservableUpDownCounter: 'upDownCounter',
}

export const publishedMetrics: ReadonlyMap<string, PublishedMetric> = new Map(
  rowsOf('Metrics').map(([name = '', instrument = '', unit = '', description = '', keys = '']) => [
    quoted(name)[0] ?? '',
    {
      kind: KINDS[instrument] ?? instrument,
      unit: quoted(unit)[0] ?? '',
      description,
      attributes: quoted(keys),
    },
  ]),
)

/** Types by attribute. */
export const publishedTypes: ReadonlyMap<string, string> = new Map(
  rowsOf('Attributes').map(([name = '', type = '']) => [quoted(name)[0] ?? '', type]),
)

export const publishedBounds: readonly number[] = (
  /^Histograms advise these bounds, in seconds: ([\d., ]+)\. /m.exec(page)?.[1] ?? ''
)
  .split(', ')
  .map(Number)

export const publishedSchemaUrl: string = /`(https:[^`]*)` as its schema/.exec(page)?.[1] ?? ''

function rowsOf(heading: string): readonly (readonly string[])[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  return rows.slice(1).map((row) => row.slice(2, -2).split(' | '))
}

function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}
