/** Levels and times in OpenTelemetry's units. */

import type { HrTime, SeverityNumber } from '@opentelemetry/api'
import type { Level } from '../../task/level.ts'

/** The smallest number of each range, as the log data model has it for a source with one level per range. */
export const SEVERITY: Readonly<Record<Level, SeverityNumber>> = {
  debug: 5,
  info: 9,
  warning: 13,
  error: 17,
}

/** Epoch milliseconds as seconds and nanoseconds: a small number would be taken for one of `performance.now()`. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1_000) * 1e6))]
}

export function seconds(ms: number): number {
  return ms / 1_000
}
