/** Reports of a failing store: `backend.error`, at most one a second for all of them. */

import type { Bus } from '../events/bus.ts'
import { executorEvent } from '../events/executor-event.ts'
import type { EventOrigin } from '../events/lifecycle.ts'
import type { Clock } from '../task/clock.ts'
import { BackendUnavailableError } from '../task/errors.ts'
import { serializeError } from '../task/serialized-error.ts'
import type { TimerQueue } from '../task/timer-queue.ts'

const INTERVAL_MS = 1_000

export function createBackendErrors(
  bus: Bus,
  origin: EventOrigin,
  clock: Clock,
  timers: TimerQueue,
): (operation: string, error: unknown) => void {
  let count = 0
  let last: { operation: string; error: unknown } | undefined
  let isWaiting = false

  function publish(): void {
    isWaiting = false
    if (last === undefined || count === 0) return
    const { operation, error } = last
    const code = error instanceof BackendUnavailableError ? error.reason : 'unknown'
    const fields = { operation, code, error: serializeError(error), count }
    count = 0
    last = undefined
    isWaiting = true
    timers.after(INTERVAL_MS, publish, false)
    if (!bus.wanted['backend.error']) return
    bus.publish(executorEvent(origin, 'backend.error', clock.now(), fields))
  }

  return (operation, error) => {
    count += 1
    last = { operation, error }
    if (!isWaiting) publish()
  }
}
