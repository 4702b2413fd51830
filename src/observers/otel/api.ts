/**
 * `@opentelemetry/api`, the only package of this folder. Loaded when the entry point is, so that a missing one is said in
 * words that help; ours is an optional peer, because a copy of our own would not be the one that the SDK registers with.
 */

import type * as Api from '@opentelemetry/api'

const INSTALL = 'npm install @opentelemetry/api@^1.10.0'

async function load(): Promise<typeof Api> {
  let api: typeof Api
  try {
    api = await import('@opentelemetry/api')
  } catch (error) {
    throw new Error(
      `plainsight/otel needs the package @opentelemetry/api, which cannot be loaded here; run: ${INSTALL}`,
      { cause: error },
    )
  }
  // Before 1.10 the Logs API was a package of its own, whose records newer SDKs drop without a word.
  if ((api as Partial<typeof Api>).logs !== undefined) return api
  throw new Error(
    `plainsight/otel needs @opentelemetry/api 1.10 or newer, with the Logs API; an older one was found; run: ${INSTALL}`,
  )
}

const api: typeof Api = await load()

export const context: typeof Api.context = api.context
export const createContextKey: typeof Api.createContextKey = api.createContextKey
export const createNoopLogger: typeof Api.createNoopLogger = api.createNoopLogger
export const createNoopMeter: typeof Api.createNoopMeter = api.createNoopMeter
export const INVALID_TRACEID: typeof Api.INVALID_TRACEID = api.INVALID_TRACEID
export const isSpanContextValid: typeof Api.isSpanContextValid = api.isSpanContextValid
export const logs: typeof Api.logs = api.logs
export const metrics: typeof Api.metrics = api.metrics
export const propagation: typeof Api.propagation = api.propagation
export const ROOT_CONTEXT: Api.Context = api.ROOT_CONTEXT
export const SpanKind: typeof Api.SpanKind = api.SpanKind
export const SpanStatusCode: typeof Api.SpanStatusCode = api.SpanStatusCode
export const trace: typeof Api.trace = api.trace

const { ProxyTracerProvider } = api
/** What stands behind the tracer provider while none is registered. */
export const NO_TRACES: Api.TracerProvider = new ProxyTracerProvider().getDelegate()
