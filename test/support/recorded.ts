/** An executor whose every event is kept, and checked when the test is over. */

import { expect, onTestFinished } from 'vitest'
import { createExecutor, type Executor, type ExecutorOptions } from '../../src/index.ts'
import type {
  AttemptSummaryEvent,
  EventType,
  EventOf,
  PlainsightEvent,
  TaskEvent,
} from '../../src/events/event.ts'
import type { Observer } from '../../src/observers/observer.ts'
import type { Clock } from '../../src/task/clock.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import { contradictions, typesOf } from './event-rules.ts'

export interface Recorded {
  readonly executor: Executor
  /** Everything from debug up, so far. */
  readonly events: readonly PlainsightEvent[]
  types(taskId?: string): readonly EventType[]
  only<Type extends EventType>(type: Type): readonly EventOf<Type>[]
}

/** Keeps what it is given. */
export function recorder(name = 'recorder'): Observer & { readonly events: PlainsightEvent[] } {
  const events: PlainsightEvent[] = []
  return {
    name,
    minLevel: 'debug',
    events,
    onEvent(event) {
      events.push(event)
    },
  }
}

/**
 * Makes an executor with a recorder before the given observers. When the test is over it is closed (unless it is), and the
 * events must not contradict each other.
 */
export function recorded(
  options: ExecutorOptions = {},
  { complete = false }: { readonly complete?: boolean } = {},
): Recorded {
  const { observers = [], ...rest } = options
  const record: ReturnType<typeof recorder> = { ...recorder(), types: ['attempt.summary'] }
  const executor = createExecutor({ ...rest, observers: [record, ...observers] })
  onTestFinished(async () => {
    const closed = executor.close({ grace: 0 })
    // Time that stands still would hold up a close that waits.
    if (isManual(rest.clock)) await rest.clock.advance(60_000)
    await closed
    const takesOver = rest.backend !== undefined
    expect(contradictions(record.events, { complete, takesOver })).toEqual([])
  })
  return {
    executor,
    events: record.events,
    types: (taskId) => typesOf(record.events, taskId),
    only: <Type extends EventType>(type: Type) =>
      record.events.filter((event): event is EventOf<Type> => event.type === type),
  }
}

function isManual(clock: Clock | undefined): clock is ManualClock {
  return clock !== undefined && 'advance' in clock
}

/** The events of one task, without the summaries of its attempts. */
export function eventsOf(events: readonly PlainsightEvent[], taskId: string): readonly TaskEvent[] {
  return events.filter(
    (event): event is TaskEvent =>
      'taskId' in event && event.taskId === taskId && event.type !== 'attempt.summary',
  )
}

/** The summaries of the attempts of one task. */
export function summariesOf(
  events: readonly PlainsightEvent[],
  taskId: string,
): readonly AttemptSummaryEvent[] {
  return events.filter(
    (event): event is AttemptSummaryEvent =>
      event.type === 'attempt.summary' && event.taskId === taskId,
  )
}

/** A promise with its ends in hand. */
export function gate<T = void>(): {
  readonly promise: Promise<T>
  open(value: T): void
  fail(error: unknown): void
} {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((...ends) => {
    ;[resolve, reject] = ends
  })
  return { promise, open: resolve, fail: reject }
}
