/**
 * Every number that we have set ourselves, in one place.
 *
 * `bench:check` fails at the floor, which stands 15 % under the target because machines are noisy. A target that is missed
 * today has its measured value beside it, and its floor 15 % under that: what is slow may not become slower unnoticed.
 */

/** How much worse than its base a ratio may come out: what two runs of the same code differ by. */
const MARGIN = 0.15

export interface Goal {
  readonly what: string
  readonly bound: 'at least' | 'at most'
  readonly limit: number
  /** `×` for ratios. */
  readonly unit: string
  /** The median of the last full run, where that misses the limit. */
  readonly measured?: number
  /** Whether `bench:check` looks at it: ratios that a short run on any machine can tell. */
  readonly isChecked?: boolean
}

export const GOALS = {
  'core: p-queue': {
    what: 'core, one observer, tasks/s beside p-queue',
    bound: 'at least',
    limit: 1.5,
    unit: '×',
    measured: 0.84,
    isChecked: true,
  },
  'core: p-limit': {
    what: 'core, one observer, tasks/s beside p-limit',
    bound: 'at least',
    limit: 0.5,
    unit: '×',
    measured: 0.27,
    isChecked: true,
  },
  'log: unwanted': {
    what: 'a log level that nobody wants beside pino’s disabled level',
    bound: 'at most',
    limit: 1,
    unit: '×',
    isChecked: true,
  },
  'events: unobserved': {
    what: 'an event that nobody observes',
    bound: 'at most',
    limit: 8,
    unit: 'ns',
  },
  'events: unobserved, emit': {
    what: 'an event that nobody observes beside an emit of eventemitter3 without a listener',
    bound: 'at most',
    limit: 2,
    unit: '×',
    isChecked: true,
  },
  'events: observed, emit': {
    what: 'an event with one observer beside building and emitting it with eventemitter3',
    bound: 'at most',
    limit: 4,
    unit: '×',
    isChecked: true,
  },
  'events: log': {
    what: 'a log event with one observer',
    bound: 'at most',
    limit: 150,
    unit: 'ns',
  },
  'events: log, emit': {
    what: 'a log event with one observer beside building and emitting one with eventemitter3',
    bound: 'at most',
    limit: 4,
    unit: '×',
    measured: 8.04,
    isChecked: true,
  },
  'observers: pino': {
    what: 'a log line through pinoObserver beside pino by hand, into the same kind of file',
    bound: 'at most',
    limit: 1.1,
    unit: '×',
    measured: 1.13,
    isChecked: true,
  },
  'observers: file': {
    what: 'a log line through fileObserver beside pino by hand',
    bound: 'at most',
    limit: 1,
    unit: '×',
    isChecked: true,
  },
  'stream: xadd': {
    what: 'an event through redisStreamObserver: so many times cheaper than an XADD of its own in a pipeline',
    bound: 'at least',
    limit: 3.5,
    unit: '×',
  },
  'stream: xadd, cpu': {
    what: 'the same in time of our processor',
    bound: 'at least',
    limit: 3.5,
    unit: '×',
    isChecked: true,
  },
  'memory: p-queue': {
    what: 'heap of a task that waits in memory beside p-queue',
    bound: 'at most',
    limit: 0.45,
    unit: '×',
    isChecked: true,
  },
  'memory: run': {
    what: 'heap that a task leaves behind, over ten million that ran',
    bound: 'at most',
    limit: 0.1,
    unit: 'B',
  },
  'memory: million on SQLite': {
    what: 'heap for each of a million tasks that wait in SQLite',
    bound: 'at most',
    limit: 10,
    unit: 'B',
  },
  'otel: spans': {
    what: 'otelObserver, two spans: added, beside the SDK by hand',
    bound: 'at most',
    limit: 1.4,
    unit: '×',
    isChecked: true,
  },
  'otel: spans and records': {
    what: 'otelObserver, two spans and five records: added, beside the SDK by hand',
    bound: 'at most',
    limit: 1.15,
    unit: '×',
    measured: 1.34,
    isChecked: true,
  },
  'otel: sampled out': {
    what: 'otelObserver, two spans, sampled out: added, beside the SDK by hand',
    bound: 'at most',
    limit: 2.2,
    unit: '×',
    isChecked: true,
  },
  'otel: no SDK': {
    what: 'otelObserver without an SDK: added',
    bound: 'at most',
    limit: 0.15,
    unit: 'µs',
  },
  'sqlite: plainjob': {
    what: 'SQLite ‘process’, tasks/s beside plainjob',
    bound: 'at least',
    limit: 7,
    unit: '×',
    isChecked: true,
  },
  'sqlite: plainjob, requeue': {
    what: 'SQLite ‘process’ with requeueOnInterrupt beside plainjob',
    bound: 'at least',
    limit: 10,
    unit: '×',
    isChecked: true,
  },
  'sqlite: five log lines': {
    what: 'SQLite ‘process’ with five log lines beside without',
    bound: 'at least',
    limit: 0.4,
    unit: '×',
    isChecked: true,
  },
  'growth: million': {
    what: 'SQLite, tasks/s in a file with a million records beside an empty one',
    bound: 'at least',
    limit: 0.7,
    unit: '×',
  },
  'backends: bullmq': {
    what: 'SQLite ‘process’ beside BullMQ on Redis without persistence',
    bound: 'at least',
    limit: 4,
    unit: '×',
  },
  'backends: bullmq, requeue': {
    what: 'SQLite ‘process’ with requeueOnInterrupt beside BullMQ on Redis without persistence',
    bound: 'at least',
    limit: 6,
    unit: '×',
    measured: 5.08,
  },
  'backends: power, bullmq': {
    what: 'SQLite ‘power’ beside BullMQ on Redis without persistence',
    bound: 'at least',
    limit: 3,
    unit: '×',
  },
  'backends: power, bullmq always': {
    what: 'SQLite ‘power’ beside BullMQ on Redis with appendfsync always',
    bound: 'at least',
    limit: 5,
    unit: '×',
  },
  'backends: redis': {
    what: 'the Redis backend beside BullMQ',
    bound: 'at least',
    limit: 1.5,
    unit: '×',
  },
  'latency: p50': {
    what: 'SQLite ‘process’, from enqueue to start at 500/s beside BullMQ on Redis, p50',
    bound: 'at most',
    limit: 1,
    unit: '×',
  },
  'latency: p99': {
    what: 'SQLite ‘process’, the same, p99',
    bound: 'at most',
    limit: 1,
    unit: '×',
  },
  'latency: redis, p50': {
    what: 'the Redis backend, from enqueue to start at 500/s beside BullMQ, p50',
    bound: 'at most',
    limit: 1,
    unit: '×',
  },
  'latency: redis, p99': {
    what: 'the Redis backend, the same, p99',
    bound: 'at most',
    limit: 1,
    unit: '×',
    measured: 1.32,
  },
  'checkpoint: p99': {
    what: 'commit p99 at 20,000 tasks/s, ‘process’, beside SQLite’s auto-checkpoint',
    bound: 'at most',
    limit: 0.3,
    unit: '×',
  },
  'checkpoint: cpu p99': {
    what: 'the same in CPU time of the event loop’s thread',
    bound: 'at most',
    limit: 0.3,
    unit: '×',
  },
  'checkpoint: log size': {
    what: 'longest write-ahead log with the checkpoint thread',
    bound: 'at most',
    limit: 64,
    unit: 'MiB',
  },
  'queries: p99': {
    what: 'the slowest of all lists among a million records, p99',
    bound: 'at most',
    limit: 50,
    unit: 'ms',
  },
  'queries: cpu p99': {
    what: 'the same, time of the processor',
    bound: 'at most',
    limit: 50,
    unit: 'ms',
  },
  'import: time': {
    what: 'import ‘plainsight’',
    bound: 'at most',
    limit: 10,
    unit: 'ms',
  },
  'import: bullmq': {
    what: 'import ‘plainsight’ beside BullMQ',
    bound: 'at most',
    limit: 0.15,
    unit: '×',
  },
  'size: bullmq': {
    what: 'kB installed beside BullMQ',
    bound: 'at most',
    limit: 0.5,
    unit: '×',
  },
} as const

export type GoalId = keyof typeof GOALS

/** The value at which `bench:check` fails. */
export function floorOf({ bound, limit, measured }: Goal): number {
  const base = measured ?? limit
  return bound === 'at least' ? base * (1 - MARGIN) : base * (1 + MARGIN)
}

export function isWithin(value: number, bound: Goal['bound'], limit: number): boolean {
  return bound === 'at least' ? value >= limit : value <= limit
}
