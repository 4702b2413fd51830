/** Starts the OpenTelemetry SDK, and ends it so that nothing is lost and nothing hangs. */

import type * as Api from '@opentelemetry/api'
import type { Instrumentation } from '@opentelemetry/instrumentation'
import type * as SdkNode from '@opentelemetry/sdk-node'
import { durationMs, type Duration } from '../../task/duration.ts'
import { InvalidOptionsError } from '../../task/errors.ts'
import { reading } from '../../task/reading.ts'
import { readOptions } from '../observer-options.ts'
import { watchExports, wordsOf, type ExportFailure } from './export-watch.ts'
import { behind } from './silence.ts'

/** Options of {@link startTelemetry}; what is not given, the `OTEL_*` variables of the environment decide. */
export interface StartTelemetryOptions {
  /** `service.name`; before `OTEL_SERVICE_NAME`. */
  readonly serviceName?: string | undefined
  /** Such as `new PinoInstrumentation()`. Default: none. */
  readonly instrumentations?: readonly Instrumentation[] | undefined
  /** How long `flush` and `shutdown` may take in all. Default `'5s'`. */
  readonly deadline?: Duration | undefined
  /** Anything else that `NodeSDK` takes. */
  readonly sdk?: Partial<SdkNode.NodeSDKConfiguration> | undefined
}

/** What a flush or shutdown came to. */
export interface TelemetryReport {
  /** Whether everything was delivered, as far as the exporters say. */
  readonly ok: boolean
  /** What was lost, and why; one for each signal and reason, the deadline included. */
  readonly errors: readonly Error[]
}

export interface Telemetry {
  /** False when there was an SDK already, or `OTEL_SDK_DISABLED` is true: then `flush` and `shutdown` do nothing. */
  readonly started: boolean
  /** Delivers what has gathered. Never rejects; takes at most `deadline`. */
  flush(options?: { readonly deadline?: Duration | undefined }): Promise<TelemetryReport>
  /** Delivers what has gathered and ends the SDK; once, later calls answer the same. Never rejects; takes at most `deadline`. */
  shutdown(options?: { readonly deadline?: Duration | undefined }): Promise<TelemetryReport>
}

const WHERE = 'startTelemetry: '
const NAMES = ['serviceName', 'instrumentations', 'deadline', 'sdk']
const INSTALL = 'npm install @opentelemetry/api@^1.10.0 @opentelemetry/sdk-node@^0.301.0'
const NOTHING: TelemetryReport = { ok: true, errors: [] }

/**
 * Starts the OpenTelemetry SDK for Node, configured by the `OTEL_*` variables of the environment, unless one is registered
 * already. Delivers what is left when the process ends by itself; on a signal, close the executors and then call `shutdown`.
 *
 * Never rejects for what an exporter or endpoint does; the SDK's own log (`OTEL_LOG_LEVEL`) says more of it.
 * @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong or unknown
 * @throws {Error} naming the command to run, when `@opentelemetry/api` or `@opentelemetry/sdk-node` is not installed
 * @example
 * const telemetry = await startTelemetry({ serviceName: 'shop' })
 * process.once('SIGTERM', async () => {
 *   await executor.close()
 *   await telemetry.shutdown()
 *   process.exit()
 * })
 */
export async function startTelemetry(options: StartTelemetryOptions = {}): Promise<Telemetry> {
  const given = readOptions(options, NAMES, WHERE)
  const { serviceName, instrumentations = [], deadline = '5s', sdk = {} } = given
  if (serviceName !== undefined && (typeof serviceName !== 'string' || serviceName === ''))
    throw new InvalidOptionsError('serviceName', 'a string that is not empty', serviceName, WHERE)
  reading('instrumentations', WHERE, () => {
    if (!Array.isArray(instrumentations))
      throw new InvalidOptionsError('instrumentations', 'a list', instrumentations, WHERE)
  })
  if (typeof sdk !== 'object' || sdk === null)
    throw new InvalidOptionsError('sdk', 'an object', sdk, WHERE)
  const deadlineMs = durationMs(deadline, 'deadline', WHERE)
  const { api, sdkNode } = await load()
  const disabled = process.env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true'
  if (disabled || isRegistered(api)) return idle()
  const list = [...instrumentations]
  const named = serviceName === undefined ? undefined : { serviceName }
  new sdkNode.NodeSDK({ instrumentations: list, ...named, ...sdk }).start()
  return running(api, deadlineMs)
}

// Loaded here and not with the entry point: the SDK takes a hundred milliseconds, and loader hooks have to come before it.
async function load(): Promise<{ api: typeof Api; sdkNode: typeof SdkNode }> {
  try {
    const [api, sdkNode] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-node'),
    ])
    return { api, sdkNode }
  } catch (error) {
    const what = '@opentelemetry/api and @opentelemetry/sdk-node, which cannot be loaded here'
    throw new Error(`plainsight/otel/start needs ${what}; run: ${INSTALL}`, { cause: error })
  }
}

function isRegistered({ trace, ProxyTracerProvider }: typeof Api): boolean {
  // A new one stands in for nothing, as does the global one until something is registered.
  return behind(trace.getTracerProvider()) !== new ProxyTracerProvider().getDelegate()
}

/** Something of an SDK that can be flushed and ended; any of the three may be missing. */
interface Provider {
  forceFlush?(): Promise<void>
  shutdown?(): Promise<void>
}

function running(api: typeof Api, deadlineMs: number): Telemetry {
  const traces: object & Provider = behind<object>(api.trace.getTracerProvider())
  const records: object & Provider = api.logs.getLoggerProvider()
  const metrics: object & Provider = api.metrics.getMeterProvider()
  const watch = watchExports(
    new Map([
      [traces, 'spans'],
      [records, 'log records'],
      [metrics, 'metrics'],
    ]),
  )

  /** Spans and log records first, whatever becomes of the other; metrics then count these exports too, unless that takes long. */
  async function each(method: 'forceFlush' | 'shutdown', ms: number): Promise<readonly Error[]> {
    const thrown: unknown[] = []
    const call = async (provider: Provider): Promise<void> => {
      try {
        await provider[method]?.()
        await watch.settled(provider)
      } catch (error) {
        // Several at once, from several processors.
        thrown.push(...(Array.isArray(error) ? (error as unknown[]) : [error]))
      }
    }
    const early = Promise.all([call(traces), call(records)])
    await atMost(ms / 2, early)
    await Promise.all([early, call(metrics)])
    const failures = watch.failures()
    const known = new Set(failures.flatMap(({ errors }) => errors))
    const others = thrown.filter((error) => !known.has(error))
    return [...failures.map((failure) => lostError(failure)), ...others.map(asError)]
  }

  function lateErrors(ms: number): readonly Error[] {
    const lost = watch.undelivered()
    const what = lost === '' ? '' : `: at least ${lost}`
    const late = new Error(`telemetry was not delivered within ${ms} ms${what}`)
    return [late, ...watch.failures().map((failure) => lostError(failure))]
  }

  // One after the other: a logger provider that is flushed while it is ended loses records.
  let last: Promise<unknown> = Promise.resolve()
  let ending: Promise<TelemetryReport> | undefined

  async function inTurn(method: 'forceFlush' | 'shutdown', ms: number): Promise<TelemetryReport> {
    let errors: readonly Error[] | undefined
    const turn = last.then(async () => {
      errors = await each(method, ms)
    })
    last = turn
    await atMost(ms, turn)
    errors ??= lateErrors(ms)
    return { ok: errors.length === 0, errors }
  }

  function shutdown(ms: number): Promise<TelemetryReport> {
    process.off('beforeExit', onExit)
    ending ??= inTurn('shutdown', ms)
    return ending
  }

  // A process that has nothing more to do may yet get something, such as a record that comes due in the store: so this
  // delivers, and ends nothing. Delivering makes it come to its end once more.
  let hasDelivered = false
  const onExit = (): void => {
    if (hasDelivered && watch.queued() === 0) return
    hasDelivered = true
    void inTurn('forceFlush', deadlineMs)
  }
  process.on('beforeExit', onExit)

  const msOf = (options: { readonly deadline?: Duration | undefined } | undefined): number =>
    options?.deadline === undefined ? deadlineMs : durationMs(options.deadline, 'deadline', '')
  return {
    started: true,
    flush(options) {
      try {
        const ms = msOf(options)
        return ending ?? inTurn('forceFlush', ms)
      } catch (error) {
        return Promise.resolve({ ok: false, errors: [asError(error)] })
      }
    },
    shutdown(options) {
      try {
        return shutdown(msOf(options))
      } catch (error) {
        return Promise.resolve({ ok: false, errors: [asError(error)] })
      }
    },
  }
}

/** Waits for `work`, but not for longer than that. */
function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    work.then(done, done)
  })
}

function lostError({ signal, count, errors }: ExportFailure): Error {
  const what = count === 0 ? signal : `${count} ${signal}`
  const [cause] = errors
  return new Error(`${what} were not delivered: ${wordsOf(cause)}`, { cause })
}

function idle(): Telemetry {
  const nothing = (): Promise<TelemetryReport> => Promise.resolve(NOTHING)
  return { started: false, flush: nothing, shutdown: nothing }
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error
  return new Error(typeof error === 'string' ? error : 'telemetry was not delivered')
}
