/** What the parts of one observer share: where it emits to, by which settings, and what becomes of its own failures. */

import type {
  Attributes,
  Logger,
  LoggerProvider,
  MeterProvider,
  SpanContext,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api'
import { parseMinLevel, type LevelFilter } from '../../events/level-filter.ts'
import { createAttemptContexts, type AttemptContexts } from './attempt-contexts.ts'
import {
  createNoopLogger,
  createNoopMeter,
  logs,
  metrics,
  NO_TRACES,
  propagation,
  trace,
} from './api.ts'
import { createMetricAttributes, type MetricSubject } from './attributes.ts'
import { createErrorTypes } from './error-type.ts'
import { instrumentsOf, type ActivitySource, type Instruments } from './instruments.ts'
import type { OtelSettings } from './options.ts'
import { ATTR, SCHEMA_URL, SYSTEM, VERSION } from './semconv.ts'
import { createSilence, isAlike } from './silence.ts'

export interface Telemetry {
  readonly settings: OtelSettings
  readonly attempts: AttemptContexts
  /** What is wanted as log records; changes while running. */
  levels: LevelFilter
  readonly metricAttributes: (subject: MetricSubject) => Attributes
  readonly errorType: ReturnType<typeof createErrorTypes>
  /** Tasks that an enqueue met by their key, with the span that they were enqueued in, until the enqueue's links to it. */
  readonly met: Map<string, SpanContext>
  tracer(): Tracer
  logger(): Logger
  instruments(): Instruments
  /** Whether nothing is registered that would hear of anything, or pass a trace on. */
  isIdle(): boolean
  /** From now on, the numbers of an executor are among those observed. */
  watch(source: ActivitySource): void
  unwatch(): void
  /** Counts and reports a failure of our own. Never throws. */
  failed(hook: string, error: unknown): void
  /** Calls `body`; what it throws has {@link failed}. */
  guard(hook: string, body: () => void): void
  /** Where failures of hooks are reported; set at the start. */
  report: (error: unknown) => void
}

const SCOPE = { schemaUrl: SCHEMA_URL }

export function createTelemetry(settings: OtelSettings): Telemetry {
  const { filter } = settings
  const sources: ActivitySource[] = []
  let current: Instruments | undefined

  function instruments(): Instruments {
    const found = instrumentsOf(settings.meterProvider)
    if (found === current) return found
    for (const source of sources) {
      current?.sources.delete(source)
      found.sources.add(source)
    }
    current = found
    return found
  }

  const noLogger = createNoopLogger()
  const noMeter = createNoopMeter()
  const silence = {
    spans: createSilence((provider: TracerProvider) => provider === NO_TRACES),
    records: createSilence((provider: LoggerProvider) =>
      isAlike(provider.getLogger(SYSTEM, VERSION, SCOPE), noLogger),
    ),
    metrics: createSilence((provider: MeterProvider) =>
      isAlike(provider.getMeter(SYSTEM, VERSION, SCOPE), noMeter),
    ),
  }

  const telemetry: Telemetry = {
    settings,
    attempts: createAttemptContexts(filter.lifecycle === false && filter.types === undefined),
    levels: parseMinLevel(filter.minLevel),
    metricAttributes: createMetricAttributes(settings.metricTags),
    errorType: createErrorTypes(),
    met: new Map(),
    // By the provider: `trace.getTracer` drops the schema's address.
    tracer: ofLatest(
      () => settings.tracerProvider ?? trace.getTracerProvider(),
      (provider) => provider.getTracer(SYSTEM, VERSION, SCOPE),
    ),
    logger: ofLatest(
      () => settings.loggerProvider ?? logs.getLoggerProvider(),
      (provider) => provider.getLogger(SYSTEM, VERSION, SCOPE),
    ),
    instruments,
    isIdle: () =>
      silence.spans(settings.tracerProvider ?? trace.getTracerProvider()) &&
      silence.records(settings.loggerProvider ?? logs.getLoggerProvider()) &&
      silence.metrics(settings.meterProvider ?? metrics.getMeterProvider()) &&
      propagation.fields().length === 0,
    watch(source) {
      sources.push(source)
      instruments().sources.add(source)
    },
    unwatch() {
      for (const source of sources.splice(0)) current?.sources.delete(source)
    },
    failed(hook, error) {
      try {
        instruments().observerErrors.add(1, HOOK_ATTRIBUTES[hook])
        telemetry.report(error)
      } catch {
        // The SDK's own failure: there is nobody left to tell.
      }
    },
    guard(hook, body) {
      try {
        body()
      } catch (error) {
        telemetry.failed(hook, error)
      }
    },
    report: () => {},
  }
  return telemetry
}

/**
 * Answers what `make` makes of the provider of now. A tracer from before the SDK's registration wakes up with it, unless that
 * was done by another copy of the API, which then gives another provider.
 */
function ofLatest<Provider, T>(find: () => Provider, make: (provider: Provider) => T): () => T {
  let latest: { readonly provider: Provider; readonly made: T } | undefined
  return () => {
    const provider = find()
    if (latest?.provider !== provider) latest = { provider, made: make(provider) }
    return latest.made
  }
}

const HOOK_ATTRIBUTES: Readonly<Record<string, Attributes>> = Object.fromEntries(
  ['onEvent', 'wrapEnqueue', 'wrapRun'].map((hook) => [
    hook,
    Object.freeze({ [ATTR.system]: SYSTEM, [ATTR.observerHook]: hook }),
  ]),
)
