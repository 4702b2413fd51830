/** A million tasks that wait on one SQLite file: what they cost in memory, and whether their order stays exact. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from '../support/child.ts'
import type { OverflowReport } from './overflow-child.ts'
import type { CaseReport, Suite } from './suite.ts'

const PROGRAM = fileURLToPath(new URL('overflow-child.ts', import.meta.url))
const MB = 1_000_000
const TASKS = 1_000_000
/** With so many waiting, the heap is measured first. */
const FEW = 10_000
const MAX_GROWTH = 50 * MB
/** Turns between two queues, and what is started in them while claims are on their way. */
const MAX_WAITED_FOR = 5_000

export const suite: Suite = {
  name: 'overflow',
  alone: true,
  /** `rounds`: tasks that wait. */
  cases: ({ rounds = TASKS }) => [
    { name: 'tasks that wait on one file', run: () => overflowed(rounds, MAX_GROWTH) },
  ],
}

/** `maxGrowth`: bytes of heap that all of them may cost above the first ten thousand, or the first tenth. */
export async function overflowed(tasks: number, maxGrowth: number): Promise<CaseReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-overflow-'))
  const few = Math.min(FEW, tasks / 10)
  const child = startChild(PROGRAM, [join(directory, 'tasks.db'), String(tasks), String(few)], {
    execArgv: ['--expose-gc'],
  })
  try {
    const report = JSON.parse(await child.line('{')) as OverflowReport
    const { code, stderr } = await child.ended
    const breaches = judged(report, tasks, maxGrowth)
    if (code !== 0 || stderr !== '') breaches.push(`it ended with code ${code}: ${stderr}`)
    const { all, end, outOfOrder, waitedFor, enqueuedPerSecond, ranPerSecond, fileBytes } = report
    return {
      counts: `${tasks} waiting, heap ${mb(all - report.few)} MB above ${few} (at the end ${mb(end)} MB in all), ${enqueuedPerSecond} enqueued/s, ${ranPerSecond} run/s, ${outOfOrder} out of order, another queue waited for ${waitedFor}, file ${mb(fileBytes)} MB`,
      breaches,
    }
  } finally {
    child.kill()
    await child.ended
    rmSync(directory, { recursive: true, force: true })
  }
}

function judged(report: OverflowReport, tasks: number, maxGrowth: number): string[] {
  const { few, all, end, ran, outOfOrder, overflow, waitedFor } = report
  const breaches: string[] = []
  if (all - few > maxGrowth) breaches.push(`they cost ${mb(all - few)} MB of heap`)
  if (end - few > maxGrowth) breaches.push(`${mb(end - few)} MB of heap are left when all have run`)
  if (ran !== tasks) breaches.push(`${ran} of ${tasks} have run`)
  if (overflow < tasks / 2) breaches.push(`only ${overflow} waited in the store`)
  if (outOfOrder > 0) breaches.push(`${outOfOrder} started before one that goes first`)
  if (waitedFor > MAX_WAITED_FOR) breaches.push(`another queue waited for ${waitedFor} tasks`)
  return breaches
}

function mb(bytes: number): string {
  return (bytes / MB).toFixed(1)
}
