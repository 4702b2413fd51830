/** What there is to measure, by its name. */

import type { Subject, SubjectName } from './subject.ts'

export type { Subject } from './subject.ts'

/** Loaded when asked for: a process that measures one rival has not loaded the others. */
export const subjects: Readonly<Record<SubjectName, () => Promise<Subject>>> = {
  core: async () => (await import('./core.ts')).core,
  log: async () => (await import('./log.ts')).log,
  events: async () => (await import('./events.ts')).events,
  observers: async () => (await import('./observers.ts')).observers,
  stream: async () => (await import('./stream.ts')).stream,
  memory: async () => (await import('./memory.ts')).memory,
  sqlite: async () => (await import('./sqlite.ts')).sqlite,
  backends: async () => (await import('./backends.ts')).backends,
  latency: async () => (await import('./latency.ts')).latency,
  growth: async () => (await import('./growth.ts')).growth,
  python: async () => (await import('./python.ts')).python,
  checkpoint: async () => (await import('./checkpoint.ts')).checkpoint,
  queries: async () => (await import('./queries.ts')).queries,
  otel: async () => (await import('./otel.ts')).otel,
  import: async () => (await import('./import.ts')).imports,
  size: async () => (await import('./size.ts')).size,
}
