/**
 * Sees what becomes of exports. The SDK (3.1) keeps some of it to itself: a logger provider's flush and shutdown resolve when
 * the endpoint refused, and a tracer provider's flush does not wait for the batch on its way. Its processors hold their
 * exporter in a private field; where there is none, what the providers say is all that is known.
 */

/** What a provider sends. */
export type Signal = 'spans' | 'log records' | 'metrics'

/** Exports of one signal that came to nothing for one reason. */
export interface ExportFailure {
  readonly signal: Signal
  /** Spans or log records; 0 of metrics, which the next export says again. */
  count: number
  /** What the exporters said. */
  readonly errors: unknown[]
}

export interface ExportWatch {
  /** Spans and log records that wait to be exported; 0 when that cannot be told. */
  queued(): number
  /**
   * Those that wait and those on their way, in words; empty when there are none. At least so many: a batch that the SDK has
   * taken out of its queue, and not handed to its exporter yet, is not seen.
   */
  undelivered(): string
  /** Settles when the exports of `provider` that are under way are over. */
  settled(provider: object): Promise<void>
  /** What has failed since the last call. */
  failures(): readonly ExportFailure[]
}

interface Exporter {
  export(items: unknown, done: (result: ExportResult) => void): void
}

interface ExportResult {
  readonly code: number
  readonly error?: Error | undefined
}

const SUCCESS = 0
const QUEUES: Readonly<Record<Signal, string>> = {
  spans: '_finishedSpans',
  'log records': '_finishedLogRecords',
  metrics: '',
}

export function watchExports(providers: ReadonlyMap<object, Signal>): ExportWatch {
  const pending = new Map<object, Map<Promise<void>, number>>()
  let failures = new Map<string, ExportFailure>()

  function failed(signal: Signal, count: number, error: unknown): void {
    const key = `${signal}: ${wordsOf(error)}`
    const known = failures.get(key) ?? { signal, count: 0, errors: [] }
    known.count += count
    known.errors.push(error)
    failures.set(key, known)
  }

  for (const [provider, signal] of providers) {
    const underWay = new Map<Promise<void>, number>()
    pending.set(provider, underWay)
    for (const exporter of exportersOf(provider)) {
      const original = exporter.export.bind(exporter)
      exporter.export = (items, done) => {
        const count = Array.isArray(items) ? items.length : 0
        const over = new Promise<void>((resolve) => {
          original(items, (result) => {
            if (result.code !== SUCCESS) failed(signal, count, result.error)
            resolve()
            done(result)
          })
        })
        underWay.set(over, count)
        void over.then(() => underWay.delete(over))
      }
    }
  }

  function countOf(provider: object, signal: Signal): number {
    let count = queuedIn(provider, signal)
    for (const each of pending.get(provider)?.values() ?? []) count += each
    return count
  }

  return {
    queued() {
      let sum = 0
      for (const [provider, signal] of providers) sum += queuedIn(provider, signal)
      return sum
    },
    undelivered() {
      const counts = [...providers].map(([provider, signal]) => [countOf(provider, signal), signal])
      return counts
        .filter(([count]) => count !== 0)
        .map((each) => each.join(' '))
        .join(', ')
    },
    async settled(provider) {
      const underWay = pending.get(provider)
      if (underWay !== undefined) await Promise.all(underWay.keys())
    },
    failures() {
      const found = [...failures.values()]
      failures = new Map()
      return found
    },
  }
}

/** What an exporter's error says. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : 'the export failed'
}

function exportersOf(provider: object): readonly Exporter[] {
  return processorsOf(provider).flatMap((processor) => {
    const found = [at(processor, '_exporter'), at(processor, '_metricReader', '_exporter')]
    return found.filter(isExporter)
  })
}

function queuedIn(provider: object, signal: Signal): number {
  let queued = 0
  for (const processor of processorsOf(provider)) {
    const queue = at(processor, QUEUES[signal])
    if (Array.isArray(queue)) queued += queue.length
  }
  return queued
}

function processorsOf(provider: object): readonly unknown[] {
  const lists = [
    at(provider, '_activeSpanProcessor', '_spanProcessors'),
    at(provider, '_sharedState', 'activeProcessor', 'processors'),
    at(provider, '_sharedState', 'metricCollectors'),
  ]
  return lists.flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = (found as Record<string, unknown>)[key]
  }
  return found
}

function isExporter(value: unknown): value is Exporter {
  return typeof (value as Partial<Exporter> | undefined)?.export === 'function'
}
