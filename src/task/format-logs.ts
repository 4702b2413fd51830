/** The classic text of a task's stored log lines. */

import type { LogLine } from './record.ts'

/** What is needed of a record to print its logs. */
export interface LoggedRecord {
  readonly logLines: readonly LogLine[]
  readonly logsDropped: number
  readonly attempt: number
  readonly recoveries: number
}

/**
 * One string per line, `YYYY-MM-DDTHH:MM:SS message` in UTC, with `--- Retry N ---` before the lines of attempt N,
 * also when that attempt logged nothing. When recoveries are among the attempts, which number is which is not
 * stored with the lines, so they are named `--- Attempt N (retry or recovery) ---`.
 * A last line says how many lines the caps left out.
 */
export function formatLogs(record: LoggedRecord): string[] {
  const text: string[] = []
  let attempt = 0
  const separate = (until: number): void => {
    while (attempt < until) {
      attempt += 1
      text.push(
        record.recoveries === 0
          ? `--- Retry ${attempt} ---`
          : record.recoveries >= record.attempt
            ? `--- Recovery ${attempt} ---`
            : `--- Attempt ${attempt} (retry or recovery) ---`,
      )
    }
  }
  for (const line of record.logLines) {
    separate(line.attempt)
    text.push(`${secondStamp(line.time)} ${line.message}`)
  }
  separate(record.attempt)
  if (record.logsDropped > 0) text.push(`[${record.logsDropped} more lines were not stored]`)
  return text
}

function secondStamp(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '????-??-??T??:??:??' : date.toISOString().slice(0, 19)
}
