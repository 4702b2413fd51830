/** The OpenTelemetry observer: spans from the around-hooks, log records and metrics from events. */

import { setActiveTrace } from '../../events/active-trace.ts'
import { parseMinLevel } from '../../events/level-filter.ts'
import type { Observer, ObserverHooks } from '../observer.ts'
import type { AttemptStarted, PlainsightEvent } from '../../events/event.ts'
import { context, createContextKey, ROOT_CONTEXT, trace } from './api.ts'
import { beginAttempt, type AttemptSpan } from './attempt-span.ts'
import { spanContextIn } from './carrier.ts'
import { beginEnqueue, type EnqueueSpan } from './enqueue-span.ts'
import { emitRecord } from './log-records.ts'
import { otelSettings, type OtelObserverOptions } from './options.ts'
import { countEvent } from './task-metrics.ts'
import { isEnqueuing } from './span-scope.ts'
import { createTelemetry } from './telemetry.ts'
import { COUNTED, isEventWanted } from './wanted.ts'

/** An observer that emits OpenTelemetry spans, log records and metrics. */
export interface OtelObserver extends Observer {
  readonly name: string
}

/** The SDK's own key (it is a registered symbol): spans that begin below it are not recorded. */
const SUPPRESSED = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

const QUIET = ROOT_CONTEXT.setValue(SUPPRESSED, true)

/** Starts whose span has not begun yet, and tasks met by their key: both wait for a moment, and for ever only by a fault. */
const MAX_WAITING = 1_000

/**
 * Emits what happens to tasks as OpenTelemetry spans, log records and metrics, through the API: with no SDK registered
 * it is idle, and an SDK that is registered later is used from the next enqueue, attempt or heartbeat on.
 *
 * - Spans: `enqueue {task}` (producer) around storing, `process {task}` (consumer) around each attempt. The context of the
 *   first is stored with the record, so the trace goes on in another process, and after a restart.
 * - Log records: each event from `minLevel` (default `info`) up, and each line of `taskLog`, in the context of its span.
 * - Metrics: see docs/telemetry-reference.md. They do not depend on `minLevel`.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong or unknown
 * @example
 * createExecutor({ tasks, observers: [otelObserver({ minLevel: 'debug' })] })
 */
export function otelObserver(options: OtelObserverOptions = {}): OtelObserver {
  const settings = otelSettings(options)
  const telemetry = createTelemetry(settings)
  // From now on `taskFields` and `taskMixin` know the span that is active, and not only the trace that a task came from.
  setActiveTrace(() => trace.getActiveSpan()?.spanContext())
  const { filter } = settings
  // An attempt's start is published just before its span begins, and belongs into it.
  const starting = new Map<string, AttemptStarted>()
  let starts = 0

  function handle(event: PlainsightEvent): void {
    if (event.type === 'task.deduplicated') {
      const creation = spanContextIn(event.traceContext)
      if (creation !== undefined) remember(telemetry.met, event.taskId, creation)
    }
    if (!isEventWanted(telemetry.levels, filter, event)) return
    if ('taskId' in event) {
      // Its attempt came to an end without a body: the start still comes first.
      release(event.taskId)
      if (event.type === 'attempt.started' && telemetry.attempts.of(event) === undefined) {
        remember(starting, event.taskId, event)
        return
      }
    }
    emitRecord(telemetry, event)
  }

  function release(taskId: string): void {
    if (starting.size === 0) return
    const event = starting.get(taskId)
    if (event === undefined) return
    starting.delete(taskId)
    emitRecord(telemetry, event)
  }

  function releaseAll(): void {
    for (const taskId of starting.keys()) release(taskId)
  }

  return {
    ...filter,
    types: [...new Set([...COUNTED, ...(filter.types ?? [])])],

    start(host?: ObserverHooks) {
      starts += 1
      if (host === undefined) return
      telemetry.report = (error) => host.report(error)
      const { activity } = host
      if (activity !== undefined) telemetry.watch(() => activity())
    },

    isIdle() {
      const isIdle = telemetry.isIdle()
      // What is observed and not told is to be seen from now on, and not from the next task on.
      if (!isIdle) telemetry.guard('onEvent', () => telemetry.instruments())
      return isIdle
    },

    levelChanged(minLevel) {
      telemetry.levels = parseMinLevel(minLevel)
    },

    onEvent(event) {
      // Each in its own try: what cannot be counted is still to be seen.
      try {
        countEvent(telemetry, event)
      } catch (error) {
        telemetry.failed('onEvent', error)
      }
      try {
        handle(event)
      } catch (error) {
        telemetry.failed('onEvent', error)
      }
    },

    wrapEnqueue(operation, next) {
      let span: EnqueueSpan
      try {
        span = beginEnqueue(telemetry, operation)
      } catch (error) {
        telemetry.failed('wrapEnqueue', error)
        return next()
      }
      const end = (what: () => void): void => telemetry.guard('wrapEnqueue', what)
      // Answered as it is, so that nobody has to look whether it was changed.
      const storing = context.with(span.context, next)
      storing.then(
        (answer) => end(() => span.stored(answer)),
        (error: unknown) => end(() => span.refused(error)),
      )
      return storing
    },

    wrapRun(run, next) {
      let span: AttemptSpan
      try {
        span = beginAttempt(telemetry, run)
      } catch (error) {
        telemetry.failed('wrapRun', error)
        return next()
      }
      const end = (what: () => void): void => telemetry.guard('wrapRun', what)
      // A logger that fails costs the attempt its records, and not its span.
      end(() => release(run.task.id))
      const running = context.with(span.context, next)
      running.then(
        (result) => end(() => span.end(result)),
        () => end(() => span.abandon()),
      )
      return running
    },

    runInternal(operation, next) {
      // What an enqueue stores is somebody's work, and its spans are wanted; the executor's own polling is not.
      if (operation === 'persist' && isEnqueuing(context.active())) return next()
      return context.with(QUIET, next)
    },

    flush: releaseAll,

    close() {
      releaseAll()
      starts -= 1
      // Shared by several executors: those that are left go on being counted, and a closed one counts nothing.
      if (starts <= 0) telemetry.unwatch()
    },
  }
}

/** Adds to a map that must not grow: the oldest gives way. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  if (map.size <= MAX_WAITING) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
