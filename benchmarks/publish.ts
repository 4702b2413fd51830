/** Puts results where readers find them: docs/performance.md, its charts, and the table in the README. */

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartOf } from './chart.ts'
import { hasBlock, replaceBlock, subjectText, summaryText, targetsText } from './page.ts'
import { readResults, RESULTS, saveResult, type Result } from './results.ts'
import type { GoalId } from './targets.ts'
import { ownVersion } from './versions.ts'
import { writeWhole } from './write-whole.ts'

const repository = join(import.meta.dirname, '..')
const PAGE = join(repository, 'docs', 'performance.md')
const CHARTS = join(repository, 'docs', 'charts')
const README = join(repository, 'README.md')
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
  const page = readFileSync(PAGE, 'utf8')
  return names.filter((name) => !hasBlock(page, name))
}

/** Keeps the result, and writes its part of the page. */
export function publish(result: Result): void {
  saveResult(RESULTS, result)
  render([result.subject])
}

/** Writes the parts of these subjects from the results that are kept. */
export function render(names: readonly string[]): void {
  const results = readResults(RESULTS)
  let page = readFileSync(PAGE, 'utf8')
  mkdirSync(CHARTS, { recursive: true })
  for (const name of names) {
    const result = results.get(name)
    if (result === undefined) continue
    writeWhole(join(CHARTS, `${name}.svg`), chartOf(result.report, ownVersion()))
    page = replaceBlock(page, name, subjectText(result))
  }
  // The page comes after the charts it shows.
  writeWhole(PAGE, replaceBlock(page, 'targets', targetsText(results)))
  const readme = readFileSync(README, 'utf8')
  writeWhole(README, replaceBlock(readme, 'summary', summaryText(results, IN_README)))
}
