/** A million tasks through one SQLite file with retention: whether file, log and heap stay where they are. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { startChild } from '../support/child.ts'
import { heapSlope, MIB, mib } from './heap-slope.ts'
import type { FileSoakReport } from './sqlite-soak-child.ts'
import type { CaseReport, Suite } from './suite.ts'

const PROGRAM = fileURLToPath(new URL('sqlite-soak-child.ts', import.meta.url))
const TASKS = 1_000_000
/** As the child's retention: what a sweep has not come to may be above it. */
const KEPT = 10_000
const KEPT_SLACK = 2_000
const MAX_BYTES = 200 * MIB
const MAX_LOG_BYTES = 64 * MIB
/** Bytes of heap per task of a million. An object that is kept weighs a hundred. */
const MAX_SLOPE = 0.5
/** One object in so many is kept on purpose: the slope has to show it. */
const PLANTED = 10

export const suite: Suite = {
  name: 'sqlite-soak',
  alone: true,
  /** `rounds`: tasks. With fewer of them a leak has to be larger to be seen. */
  cases: ({ rounds = TASKS }) => [
    { name: 'a file with retention', run: () => soakFile(rounds, 0) },
    {
      name: `the same, one object in ${PLANTED} is kept`,
      run: () =>
        soakFile(Math.max(1, rounds / 5), Math.max(1, Math.round((PLANTED * rounds) / TASKS))),
    },
  ],
}

export async function soakFile(tasks: number, planted: number): Promise<CaseReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-soak-'))
  const path = join(directory, 'tasks.db')
  const child = startChild(PROGRAM, [path, String(tasks), String(KEPT), String(planted)], {
    execArgv: ['--expose-gc'],
  })
  try {
    const report = JSON.parse(await child.line('{')) as FileSoakReport
    const { code, stderr } = await child.ended
    const breaches = judged(report, tasks, planted)
    if (code !== 0 || stderr !== '') breaches.push(`it ended with code ${code}: ${stderr}`)
    breaches.push(...damageOf(path))
    const { largest, largestLog, samples, enqueued, seconds, left } = report
    const rate = Math.round(enqueued / seconds)
    return {
      counts: `${enqueued} tasks, ${rate}/s, ${mib(largest)} MiB at most, log ${mib(largestLog)} MiB, ${left} kept, heap ${heapSlope(samples).toFixed(3)} B each`,
      breaches,
    }
  } finally {
    child.kill()
    await child.ended
    rmSync(directory, { recursive: true, force: true })
  }
}

function judged(report: FileSoakReport, tasks: number, planted: number): string[] {
  const { samples, enqueued, succeeded, left, largest, largestLog, logSamples } = report
  const breaches: string[] = []
  const slope = heapSlope(samples)
  const limit = (MAX_SLOPE * TASKS) / tasks
  if (planted === 0 && slope > limit)
    breaches.push(`the heap grows by ${slope.toFixed(3)} B a task`)
  if (planted > 0 && slope <= limit) {
    breaches.push(`a leak of one object in ${planted} shows as ${slope.toFixed(3)} B a task`)
  }
  if (succeeded !== enqueued || enqueued < tasks) {
    breaches.push(`of ${enqueued} tasks, ${succeeded} have succeeded`)
  }
  if (left > KEPT + KEPT_SLACK) breaches.push(`${left} records are kept instead of ${KEPT}`)
  if (left < Math.min(tasks, KEPT)) breaches.push(`only ${left} records are left`)
  if (largest > MAX_BYTES) breaches.push(`file and log have grown to ${mib(largest)} MiB`)
  if (largestLog > MAX_LOG_BYTES) breaches.push(`the log has grown to ${mib(largestLog)} MiB`)
  if (logSamples < 20) breaches.push(`the log was looked at ${logSamples} times only`)
  return breaches
}

function damageOf(path: string): readonly string[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const row = db.prepare('PRAGMA integrity_check').get() as { integrity_check: string }
    return row.integrity_check === 'ok' ? [] : [`integrity_check: ${row.integrity_check}`]
  } finally {
    db.close()
  }
}
