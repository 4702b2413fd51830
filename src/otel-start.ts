/**
 * `plainsight/otel/start`: the OpenTelemetry SDK in one line. Needs `@opentelemetry/api` and `@opentelemetry/sdk-node`.
 *
 * @module
 */

export {
  startTelemetry,
  type StartTelemetryOptions,
  type Telemetry,
  type TelemetryReport,
} from './observers/otel/start-telemetry.ts'
