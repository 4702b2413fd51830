/** What a run of the demo did, from its records. */

import type { Executor, TaskRecord } from '../../src/index.ts'
import type { Packed } from './tasks.ts'

/** All records of one run, oldest first. */
export async function recordsOf(executor: Executor, run: string): Promise<TaskRecord[]> {
  const records: TaskRecord[] = []
  let cursor: string | undefined
  do {
    const next = cursor === undefined ? undefined : { cursor }
    const page = await executor.list({ tags: { run }, order: 'oldest', limit: 200, ...next })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return records
}

/** The closing lines: tasks by status, retries, bytes, durations, the failures, and where the database is. */
export function summaryOf(
  records: readonly TaskRecord[],
  totalMs: number,
  database: string,
): string {
  const byStatus = new Map<string, number>()
  for (const { status } of records) byStatus.set(status, (byStatus.get(status) ?? 0) + 1)
  const files = records.filter(({ name }) => name === 'pack-file')
  const packed = files.flatMap(({ result }) => (result === undefined ? [] : [result as Packed]))
  const bytes = sum(packed.map((each) => each.bytes))
  const packedBytes = sum(packed.map((each) => each.packedBytes))
  const durations = files.flatMap(({ durationMs }) => durationMs ?? []).toSorted((a, b) => a - b)
  const failed = records.filter(({ status }) => status === 'failed')
  const share = bytes === 0 ? 0 : Math.round((packedBytes / bytes) * 100)
  return [
    '',
    '── summary ──────────────────────────────────────────────',
    `tasks      ${records.length} (${[...byStatus].map(([status, count]) => `${count} ${status}`).join(', ')})`,
    `files      ${files.length}, ${sum(packed.map((each) => each.lines)).toLocaleString('en')} lines of text`,
    `retries    ${sum(records.map(({ retriesUsed }) => retriesUsed))}`,
    `bytes      ${bytes.toLocaleString('en')} in, ${packedBytes.toLocaleString('en')} out (${share} %)`,
    `durations  p50 ${ms(quantile(durations, 0.5))}, p95 ${ms(quantile(durations, 0.95))} per file, ${ms(totalMs)} in all`,
    ...(failed.length === 0 ? [] : ['failures']),
    ...failed.slice(0, 10).map(({ error, reason, retriesUsed }) => {
      const after = retriesUsed === 0 ? '' : ` after ${retriesUsed} retries`
      return `  ${error?.name}: ${error?.message} (${reason}${after})`
    }),
    ...(failed.length > 10 ? [`  … and ${failed.length - 10} more`] : []),
    `database   ${database}`,
  ].join('\n')
}

/** The nearest-rank quantile of sorted numbers; 0 when there are none. */
function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

function ms(value: number): string {
  return value < 1_000 ? `${value.toFixed(1)} ms` : `${(value / 1_000).toFixed(2)} s`
}
