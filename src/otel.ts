/**
 * `plainsight/otel`: spans, log records and metrics through the OpenTelemetry API. Needs `@opentelemetry/api` 1.10 or newer.
 *
 * @module
 */

export { otelObserver, type OtelObserver } from './observers/otel/observer.ts'
export type { OtelObserverOptions } from './observers/otel/options.ts'
export type { Propagation } from './task/options.ts'
export type { ObserverOptions } from './observers/observer-options.ts'
