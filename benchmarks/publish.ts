/** Puts results where readers find them: docs/performance.md, its charts, and the table in the README. */

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartOf } from './chart.ts'
import { hasBlock, replaceBlock, subjectText, summaryText, targetsText } from './page.ts'
import { readResults, RESULTS, saveResult, type Result } from './results.ts'
import type { GoalId } from './targets.ts'
import { ownVersion } from './versions.ts'
import { writeWhole } from './write-whole.ts'

/** The files of a checkout that are written. */
export interface Places {
  readonly page: string
  readonly charts: string
  readonly readme: string
  readonly results: string
}

const repository = join(import.meta.dirname, '..')
const OWN: Places = {
  page: join(repository, 'docs', 'performance.md'),
  charts: join(repository, 'docs', 'charts'),
  readme: join(repository, 'README.md'),
  results: RESULTS,
}
const IN_README: { readonly chart: string; readonly ids: readonly GoalId[] } = {
  chart: 'backends',
  ids: [
    'core: p-queue',
    'log: unwanted',
    'sqlite: plainjob, requeue',
    'backends: bullmq',
    'otel: spans',
    'import: bullmq',
  ],
}

/** Which of these subjects have no place in docs/performance.md. */
export function subjectsWithoutPlace(names: readonly string[]): readonly string[] {
  const page = readFileSync(OWN.page, 'utf8')
  return names.filter((name) => !hasBlock(page, name))
}

/** Keeps the result, and writes its part of the page. */
export function publish(result: Result, places: Places = OWN): void {
  saveResult(places.results, result)
  render([result.subject], places)
}

/** Writes the parts of these subjects from the results that are kept: all of them, or nothing. */
export function render(names: readonly string[], places: Places = OWN): void {
  const results = readResults(places.results)
  const texts: [path: string, text: string][] = []
  let page = readFileSync(places.page, 'utf8')
  for (const name of names) {
    const result = results.get(name)
    if (result === undefined) continue
    texts.push([join(places.charts, `${name}.svg`), chartOf(result.report, ownVersion())])
    page = replaceBlock(page, name, subjectText(result))
  }
  // The page comes after the charts it shows.
  texts.push([places.page, replaceBlock(page, 'targets', targetsText(results))])
  const readme = readFileSync(places.readme, 'utf8')
  const summary = summaryText(results, IN_README)
  texts.push([places.readme, replaceBlock(readme, 'summary', summary)])
  mkdirSync(places.charts, { recursive: true })
  for (const [path, text] of texts) writeWhole(path, text)
}
