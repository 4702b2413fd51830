/** The base of observers that do I/O: give it a function that delivers a batch, and it does the rest. */

import type { PlainsightEvent } from '../events/event.ts'
import { MAX_TIMER_MS } from '../task/clock.ts'
import { durationMs, type Duration } from '../task/duration.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { readFields } from '../task/reading.ts'
import { type Delivery, eventBuffer } from './event-buffer.ts'
import type { Observer, ObserverCounts, ObserverHooks } from './observer.ts'
import {
  checkBound,
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from './observer-options.ts'

/** Options of {@link bufferedObserver}. */
export interface BufferedObserverOptions extends ObserverOptions {
  /**
   * Delivers a batch, oldest event first. It is called again when it has answered, so that at most one batch is under
   * way, as long as it heeds `signal`.
   *
   * Answer nothing, or a promise of nothing, when the whole batch is through; a number when only so many from the
   * first on are: the rest is tried again later. Throw or reject when it is not through (a negative number or a fraction
   * says so, too): it is tried again, so the other side may see an event twice. An `UnrecoverableError` says that trying
   * again is no use: the batch has failed.
   */
  readonly deliver: (batch: readonly PlainsightEvent[], delivery: Delivery) => unknown
  /** Called once, when all is delivered or given up: frees what `deliver` uses. */
  readonly close?: (() => unknown) | undefined
  /** Events that may wait, the batch under way included. When it is full, the oldest `task.log` goes, else the oldest. Default 10,000. */
  readonly maxQueue?: number | undefined
  /** The most events in a batch. Default 500, or `maxQueue` where that is less. */
  readonly batchSize?: number | undefined
  /** How long a batch may take before it is aborted, and tried again. Default `'5s'`. */
  readonly deadline?: Duration | undefined
  /** What happens to a batch that failed; `false`: it is given up at once. */
  readonly retry?: DeliveryRetry | false | undefined
}

/** How delivering is tried again while the other side is away. */
export interface DeliveryRetry {
  /** The first wait; each further one in a row is twice as long, and cut by up to a half at random. Default `'100ms'`. */
  readonly delay?: Duration | undefined
  /** The longest wait. Default `'2s'`. */
  readonly max?: Duration | undefined
  /** Failures in a row after which a batch is given up, beside the first. Default `Infinity`. */
  readonly limit?: number | undefined
}

/** An observer that buffers, with exact counts. */
export interface BufferedObserver extends Observer {
  readonly name: string
  start(host?: ObserverHooks): void
  onEvent(event: PlainsightEvent): void
  /** Delivers what is queued; resolves when that is decided, or after 1.5 s. */
  flush(): Promise<void>
  /** As `flush`; what is left then is dropped. An observer of several executors goes on until the last closes it. */
  close(): Promise<void>
  counts(): ObserverCounts
}

const WHERE = 'bufferedObserver: '
const OPTION_NAMES = [
  ...OBSERVER_OPTION_NAMES,
  'deliver',
  'close',
  'maxQueue',
  'batchSize',
  'deadline',
  'retry',
]

/**
 * Makes an observer of a function that delivers batches. Events of one turn of the event loop go together, and at once when
 * there are `batchSize` of them. While the other side is away, up to `maxQueue` events wait; lifecycle events
 * are kept before log lines.
 *
 * `counts()` is exact at all times: `delivered` (deliver said so), `dropped` (no room, or still there at the end),
 * `failed` (given up after `retry.limit` or an `UnrecoverableError`), `queued`. Failures become `observer.error`. Waiting
 * never keeps the process alive, but for `flush` and `close`. A `deliver` that answers without a promise is also called
 * at the end of the process, with what is queued then.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @example
 * const webhook = bufferedObserver({
 *   name: 'webhook',
 *   minLevel: 'warning',
 *   async deliver(batch, { signal }) {
 *     const answer = await fetch(url, { method: 'POST', body: JSON.stringify(batch), signal })
 *     if (answer.status >= 500) throw new Error(`status ${answer.status}`)
 *     if (!answer.ok) throw new UnrecoverableError(`status ${answer.status}`)
 *   },
 * })
 */
export function bufferedObserver(options: BufferedObserverOptions): BufferedObserver {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { deliver, close: onClose, maxQueue = 10_000, deadline = '5s', retry = {} } = given
  const filter = observerFilter(given, { name: 'buffered', minLevel: 'info' }, WHERE)
  if (typeof deliver !== 'function') {
    throw new InvalidOptionsError('deliver', 'a function of a batch of events', deliver, WHERE)
  }
  if (onClose !== undefined && typeof onClose !== 'function') {
    throw new InvalidOptionsError('close', 'a function', onClose, WHERE)
  }
  checkBound('maxQueue', maxQueue, WHERE)
  const { batchSize = Math.min(500, maxQueue) } = given
  checkBound('batchSize', batchSize, WHERE)
  if (batchSize > maxQueue) {
    const expected = `at most maxQueue, which is ${maxQueue}`
    throw new InvalidOptionsError('batchSize', expected, batchSize, WHERE)
  }
  const deadlineMs = timerMs('deadline', deadline)
  const { deliverNow: _, ...buffer } = eventBuffer({
    deliver,
    onClose,
    maxQueue,
    batchSize,
    deadlineMs,
    ...readRetry(retry),
  })
  return { ...filter, ...buffer }
}

function readRetry(retry: unknown): { delayMs: number; maxDelayMs: number; maxRetries: number } {
  if (retry === false) return { delayMs: 0, maxDelayMs: 0, maxRetries: 0 }
  const fields = readFields(retry, 'retry', 'false, or an object { delay, max, limit }', WHERE)
  for (const [key, value] of Object.entries(fields)) {
    if (['delay', 'max', 'limit'].includes(key)) continue
    const expected = 'left out: the options are delay, max, limit'
    throw new InvalidOptionsError(`retry.${key}`, expected, value, WHERE)
  }
  const { delay = '100ms', max = '2s', limit = Infinity } = fields
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && (limit as number) >= 0)) {
    throw new InvalidOptionsError('retry.limit', 'an integer from 0, or Infinity', limit, WHERE)
  }
  return {
    delayMs: timerMs('retry.delay', delay),
    maxDelayMs: timerMs('retry.max', max),
    maxRetries: limit as number,
  }
}

/** A duration for one timer: at least a millisecond, and no more than a timer takes. */
function timerMs(option: string, value: unknown): number {
  return Math.min(MAX_TIMER_MS, Math.max(1, durationMs(value, option, WHERE)))
}
