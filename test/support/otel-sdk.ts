/** A real OpenTelemetry SDK that keeps what it is given in memory, with the names of an exporter's reader. */

import {
  context,
  propagation,
  type Attributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core'
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace'

export interface SeenRecord {
  readonly eventName?: string | undefined
  readonly severityNumber?: number | undefined
  readonly severityText?: string | undefined
  readonly body?: unknown
  readonly attributes: Readonly<Record<string, unknown>>
  readonly spanContext?: SpanContext | undefined
  readonly hrTime: HrTime
}

export interface SeenPoint {
  readonly name: string
  readonly unit: string
  readonly attributes: Attributes
  /** A sum's value, or a histogram's. */
  readonly value: unknown
}

export interface MemorySdk {
  readonly tracerProvider: TracerProvider
  readonly loggerProvider: LoggerProvider
  readonly meterProvider: MeterProvider
  /** What otelObserver takes. */
  readonly providers: {
    readonly tracerProvider: TracerProvider
    readonly loggerProvider: LoggerProvider
    readonly meterProvider: MeterProvider
  }
  /** Ended spans, in the order of their ends. */
  spans(): Promise<readonly ReadableSpan[]>
  records(): Promise<readonly SeenRecord[]>
  points(): Promise<readonly SeenPoint[]>
}

export function memorySdk(): MemorySdk {
  const spanExporter = new InMemorySpanExporter()
  const recordExporter = new InMemoryLogRecordExporter()
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  })
  const tracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })],
  })
  const loggerProvider = new LoggerProvider({
    processors: [new SimpleLogRecordProcessor({ exporter: recordExporter })],
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  return {
    tracerProvider,
    loggerProvider,
    meterProvider,
    providers: { tracerProvider, loggerProvider, meterProvider },
    async spans() {
      await tracerProvider.forceFlush()
      return [...spanExporter.getFinishedSpans()]
    },
    async records() {
      await loggerProvider.forceFlush()
      return [...recordExporter.getFinishedLogRecords()]
    },
    async points() {
      metricExporter.reset()
      await meterProvider.forceFlush()
      return metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) =>
            metrics.flatMap(({ descriptor: { name, unit }, dataPoints }) =>
              dataPoints.map(({ attributes, value }) => ({ name, unit, attributes, value })),
            ),
          ),
        )
    },
  }
}

/** Registers what is global in any case: how context goes on asynchronously, and how it travels. For the whole test file. */
export function registerContext(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  )
}
