/** Stands between an observer and the other side: bounded, batched, tried again, and exact about every event. */

import { AsyncResource } from 'node:async_hooks'
import type { PlainsightEvent } from '../events/event.ts'
import { UnrecoverableError } from '../task/errors.ts'
import type { Backoff } from '../task/options.ts'
import { backoffDelayMs } from '../task/retry.ts'
import { eventQueue } from './event-queue.ts'
import { atExit } from './exit-hook.ts'
import type { ObserverCounts, ObserverHooks } from './observer.ts'

/** What `deliver` is given beside the batch. */
export interface Delivery {
  /** Aborts when the deadline has passed, or nobody waits any longer: the batch counts as not delivered. */
  readonly signal: AbortSignal
  /** Says that something went wrong that is no failure of this batch; becomes `observer.error`. */
  report(error: unknown): void
}

/** For who delivers in steps, and goes on while there is something to deliver. */
export interface OpenDelivery extends Delivery {
  /** The first `count` events of the batch are delivered, and no part of it any more. Not after `signal` has aborted. */
  settle(count: number): void
  /** The next `count` events, when as many wait: they are the end of the batch now. Else none. */
  more(count: number): readonly PlainsightEvent[]
}

/** A batch on its way to the other side. See `deliver` of {@link bufferedObserver}. */
type Deliver = (batch: readonly PlainsightEvent[], delivery: OpenDelivery) => unknown

/** Options of {@link eventBuffer}, checked. */
export interface EventBufferOptions {
  readonly deliver: Deliver
  readonly maxQueue: number
  readonly batchSize: number
  readonly deadlineMs: number
  readonly delayMs: number
  readonly maxDelayMs: number
  /** How often in a row delivering may fail before a batch is given up; 0 gives it up at once. */
  readonly maxRetries: number
  /** An event that was in a batch is not dropped for another while it is tried again. Default false. */
  readonly keepsSent?: boolean | undefined
  /** Called when all is delivered or given up. */
  readonly onClose?: (() => unknown) | undefined
}

export interface EventBuffer {
  start(host?: ObserverHooks): void
  /** Never throws. */
  onEvent(event: PlainsightEvent): void
  /** Delivers what waits now instead of at the end of the turn. */
  deliverNow(): void
  flush(): Promise<void>
  close(): Promise<void>
  counts(): ObserverCounts
}

/** What flushing and closing may take together: an executor waits 2 s for both. */
const FLUSH_MS = 1_500
/** A `flush` or `close` that follows within this time after one that has waited in vain has no time of its own. */
const SAME_END_MS = 500
const FLUSH_RETRY_MS = 100

/** A buffer in front of `deliver`. Has no timer and no listener before the first event. */
export function eventBuffer(options: EventBufferOptions): EventBuffer {
  const { deliver, batchSize, deadlineMs, delayMs, maxDelayMs, maxRetries, onClose } = options
  // A batch belongs to no task: without this it would be sent in the async context of whoever caused its first event.
  const context = new AsyncResource('PlainsightBuffer', { requireManualDestroy: true })
  // Never quite the same: many processes must not come back at the same instant.
  const backoff: Backoff = { delayMs, factor: 2, maxMs: maxDelayMs, jitter: 'equal' }
  const queue = eventQueue(options.maxQueue, options.keepsSent)
  const flushes = new Set<() => void>()
  let delivered = 0
  let dropped = 0
  let failed = 0
  let failuresInRow = 0
  /** Takes back the batch that is under way. */
  let abandon: ((reason: Error) => void) | undefined
  let isBusy = false
  let isScheduled = false
  let isExiting = false
  let isClosed = false
  let retryTimer: NodeJS.Timeout | undefined
  let leaveExit: (() => void) | undefined
  let report: (error: unknown) => void = () => {}
  let executors = 0
  let flushEndsAt = -Infinity

  const decided = (): number => delivered + dropped + failed

  /** Hands over what waits now; what comes meanwhile has its own turn. */
  function pump(): void {
    let left = isClosed ? 0 : queue.waiting
    while (left > 0 && !isBusy && retryTimer === undefined) {
      const batch = queue.take(Math.min(batchSize, left))
      left -= batch.length
      if (batch.length === 0) break
      isBusy = true
      context.runInAsyncScope(send, undefined, batch)
    }
    if (!isBusy && !isClosed && retryTimer === undefined && queue.waiting > 0) schedule()
  }

  function send(batch: readonly PlainsightEvent[]): void {
    let controller: AbortController | undefined
    let reason: Error | undefined
    let size = batch.length
    let deadline: NodeJS.Timeout | undefined
    const delivery: OpenDelivery = {
      // Made when it is asked for: what answers at once needs none.
      get signal() {
        controller ??= new AbortController()
        if (reason !== undefined) controller.abort(reason)
        return controller.signal
      },
      report: (error) => report(error),
      settle(count) {
        size -= count
        delivered += count
        failuresInRow = 0
        deadline?.refresh()
        queue.release(count)
        tellFlushes()
      },
      more(count) {
        if (queue.waiting < count) return []
        size += count
        return queue.takeMore(count)
      },
    }
    try {
      const answer = deliver(batch, delivery)
      if (!isThenable(answer)) {
        ended(size, answer)
        return
      }
      let isOver = false
      // The answer that comes first counts; one that comes after the deadline would come twice.
      const once = (end: () => void): void => {
        if (isOver) return
        isOver = true
        clearTimeout(deadline)
        abandon = undefined
        end()
      }
      abandon = (why) => {
        // First, and the next batch a turn later: what heeds its signal has stopped by then.
        reason = why
        controller?.abort(why)
        once(() => {
          endedBadly(size, why)
          schedule()
        })
      }
      const late = abandon
      deadline = setTimeout(() => {
        late(new Error(`delivering ${size} events took longer than ${deadlineMs} ms`))
      }, deadlineMs)
      deadline.unref()
      Promise.resolve(answer).then(
        (through) =>
          once(() => {
            ended(size, through)
            pump()
          }),
        (error: unknown) =>
          once(() => {
            endedBadly(size, error)
            pump()
          }),
      )
    } catch (error) {
      endedBadly(size, error)
    }
  }

  function ended(size: number, answer: unknown): void {
    if (typeof answer === 'number' && !(Number.isInteger(answer) && answer >= 0)) {
      const expected = 'nothing, or a number of events from 0 on'
      endedBadly(size, new TypeError(`deliver has to answer ${expected}, and answered ${answer}`))
      return
    }
    const through = typeof answer === 'number' ? Math.min(answer, size) : size
    delivered += through
    if (through > 0) failuresInRow = 0
    if (through === size) {
      decide(through)
      return
    }
    const failedBefore = failed
    notThrough(size, through, false)
    const givenUp = failed - failedBefore
    if (givenUp > 0) report(new Error(`${givenUp} events were given up: deliver did not take them`))
  }

  function endedBadly(size: number, error: unknown): void {
    notThrough(size, 0, isUnrecoverable(error))
    if (!isClosed) report(error)
  }

  function notThrough(size: number, through: number, isHopeless: boolean): void {
    failuresInRow += 1
    if (!isHopeless && failuresInRow <= maxRetries) {
      decide(through)
      tryLater()
      return
    }
    failuresInRow = 0
    failed += size - through
    decide(size)
  }

  function decide(count: number): void {
    isBusy = false
    queue.decide(count)
    tellFlushes()
  }

  function tryLater(): void {
    if (isClosed || isExiting) return
    const delay = backoffDelayMs(backoff, Math.max(1, failuresInRow), Math.random)
    const soon = flushes.size > 0 ? Math.min(delay, FLUSH_RETRY_MS) : delay
    retryTimer = setTimeout(tryNow, soon)
    retryTimer.unref()
  }

  function tryNow(): void {
    clearTimeout(retryTimer)
    retryTimer = undefined
    pump()
  }

  function schedule(): void {
    if (isScheduled || isExiting) return
    isScheduled = true
    setImmediate(onTurn)
  }

  function onTurn(): void {
    isScheduled = false
    pump()
  }

  function tellFlushes(): void {
    if (flushes.size > 0) for (const look of flushes) look()
  }

  /** Nothing asynchronous happens any more: of use to a `deliver` that answers at once. */
  function deliverAtExit(): void {
    isExiting = true
    tryNow()
  }

  async function flush(): Promise<void> {
    if (queue.size === 0) return
    const now = performance.now()
    if (now > flushEndsAt + SAME_END_MS) flushEndsAt = now + FLUSH_MS
    if (now >= flushEndsAt) return
    const wanted = decided() + queue.size
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (queue.size > 0 && decided() < wanted) return
        flushes.delete(look)
        clearTimeout(deadline)
        // The other side lives: the next one has all of its time.
        flushEndsAt = -Infinity
        resolve()
      }
      // Not unref'd: who awaits this must not be left by the process.
      const deadline = setTimeout(() => {
        flushes.delete(look)
        resolve()
      }, flushEndsAt - now)
      flushes.add(look)
      if (!isBusy) tryNow()
    })
  }

  return {
    start(host) {
      executors += 1
      isClosed = false
      if (host !== undefined) report = (error) => host.report(error)
    },
    onEvent(event) {
      if (isClosed) {
        dropped += 1
        return
      }
      dropped += queue.add(event)
      leaveExit ??= atExit(deliverAtExit)
      if (isBusy || retryTimer !== undefined) return
      if (isExiting || queue.waiting >= batchSize) pump()
      else schedule()
    },
    deliverNow: pump,
    flush,
    async close() {
      executors = Math.max(0, executors - 1)
      await flush()
      // Shared with another executor: it goes on.
      if (executors > 0 || isClosed) return
      isClosed = true
      abandon?.(new Error('the observer was closed'))
      clearTimeout(retryTimer)
      retryTimer = undefined
      dropped += queue.clear()
      leaveExit?.()
      leaveExit = undefined
      await onClose?.()
    },
    counts: () => ({ delivered, dropped, failed, queued: queue.size }),
  }
}

function isUnrecoverable(error: unknown): boolean {
  try {
    return error instanceof UnrecoverableError
  } catch {
    // A proxy that cannot be looked at.
    return false
  }
}

function isThenable(answer: unknown): answer is PromiseLike<unknown> {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    typeof (answer as { readonly then?: unknown }).then === 'function'
  )
}
