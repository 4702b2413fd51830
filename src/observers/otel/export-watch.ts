/**
 * Sees what becomes of exports. The SDK (3.1) keeps some of it to itself: a logger provider's flush and shutdown resolve when
 * the endpoint refused, and a tracer provider's flush does not wait for the batch on its way. Its processors hold their
 * exporter in a private field; where there is none, what the providers say is all that is known.
 */

export interface ExportWatch {
  /** Spans and log records that wait to be exported; 0 when that cannot be told. */
  queued(): number
  /** Settles when the exports of `provider` that are under way are over. */
  settled(provider: object): Promise<void>
  /** What has failed since the last call. */
  failures(): readonly Error[]
}

interface Exporter {
  export(items: unknown, done: (result: ExportResult) => void): void
}

interface ExportResult {
  readonly code: number
  readonly error?: Error | undefined
}

const SUCCESS = 0
/** More than this is one failure said many times. */
const MAX_FAILURES = 20

export function watchExports(providers: readonly object[]): ExportWatch {
  const pending = new Map<object, Set<Promise<void>>>()
  let failures: Error[] = []

  for (const provider of providers) {
    const underWay = new Set<Promise<void>>()
    pending.set(provider, underWay)
    for (const exporter of exportersOf(provider)) {
      const original = exporter.export.bind(exporter)
      exporter.export = (items, done) => {
        const over = new Promise<void>((resolve) => {
          original(items, (result) => {
            if (result.code !== SUCCESS && failures.length < MAX_FAILURES)
              failures.push(result.error ?? new Error('an export failed'))
            resolve()
            done(result)
          })
        })
        underWay.add(over)
        void over.then(() => underWay.delete(over))
      }
    }
  }

  return {
    queued: () => providers.reduce((sum, provider) => sum + queuedIn(provider), 0),
    async settled(provider) {
      await Promise.all(pending.get(provider) ?? new Set<Promise<void>>())
    },
    failures() {
      const found = failures
      failures = []
      return found
    },
  }
}

function exportersOf(provider: object): readonly Exporter[] {
  return processorsOf(provider).flatMap((processor) => {
    const found = [at(processor, '_exporter'), at(processor, '_metricReader', '_exporter')]
    return found.filter(isExporter)
  })
}

function queuedIn(provider: object): number {
  let queued = 0
  for (const processor of processorsOf(provider)) {
    for (const name of ['_finishedSpans', '_finishedLogRecords']) {
      const queue = at(processor, name)
      if (Array.isArray(queue)) queued += queue.length
    }
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
