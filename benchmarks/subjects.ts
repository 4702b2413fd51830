/** What there is to measure, by the name that the command line takes. */

import type { Report } from './report.ts'
import type { Case, Series } from './rounds.ts'

export interface Subject {
  readonly title: string
  /** Each case in a process of its own; false when the cases start processes themselves. */
  readonly isolated: boolean
  readonly rounds: number
  /** Rounds that do not count: code is compiled, caches fill. */
  readonly warmUps: number
  cases(): readonly Case[]
  report(measured: readonly Series[]): Report
}

/** Loaded when asked for: a process that measures one rival has not loaded the others. */
export const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  core: async () => (await import('./core.ts')).core,
  log: async () => (await import('./log.ts')).log,
  sqlite: async () => (await import('./sqlite.ts')).sqlite,
  checkpoint: async () => (await import('./checkpoint.ts')).checkpoint,
  queries: async () => (await import('./queries.ts')).queries,
  otel: async () => (await import('./otel.ts')).otel,
  import: async () => (await import('./import.ts')).imports,
}
