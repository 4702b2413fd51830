/** Keeps events in memory, bounded: for tests, and for a look at what happened lately. */

import type { EventOf, EventType, PlainsightEvent } from '../events/event.ts'
import { type EventMatch, eventWaits, type Wanted, type WaitOptions } from './event-wait.ts'
import type { Observer, ObserverCounts } from './observer.ts'
import {
  checkBound,
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from './observer-options.ts'

/** Options of {@link memoryObserver}. `minLevel` is `debug` unless given. */
export interface MemoryObserverOptions extends ObserverOptions {
  /** Events kept; the oldest beyond are dropped and counted. Default 10,000. */
  readonly max?: number | undefined
}

/** An observer that keeps events; what is waited for may have come already. */
export interface MemoryObserver extends Observer {
  readonly name: string
  /** The kept events, oldest first: a copy. */
  readonly events: readonly PlainsightEvent[]
  /** Events that were pushed out by newer ones. */
  readonly dropped: number
  onEvent(event: PlainsightEvent): void
  /** The kept events of one type, oldest first. */
  ofType<Type extends EventType>(type: Type): readonly EventOf<Type>[]
  /** Forgets the kept events; the counts stay. */
  clear(): void
  /**
   * The first kept or coming event of a type, with certain fields, or that a predicate accepts.
   *
   * Rejects with {@link WaitTimeoutError} naming the types seen last, with the signal's reason, or with what the
   * predicate threw.
   * @throws {InvalidOptionsError} INVALID_OPTIONS when the timeout is no duration
   */
  waitFor<Type extends EventType>(
    wanted: Type | EventMatch<Type>,
    options?: WaitOptions,
  ): Promise<EventOf<Type>>
  waitFor<Found extends PlainsightEvent>(
    wanted: (event: PlainsightEvent) => event is Found,
    options?: WaitOptions,
  ): Promise<Found>
  waitFor(
    wanted: (event: PlainsightEvent) => boolean,
    options?: WaitOptions,
  ): Promise<PlainsightEvent>
  counts(): ObserverCounts
}

const WHERE = 'memoryObserver: '

/**
 * Keeps the last `max` events.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @example
 * const memory = memoryObserver()
 * const executor = createExecutor({ tasks, observers: [memory] })
 * const { id } = await executor.enqueue(chargeCard, input)
 * const event = await memory.waitFor({ type: 'task.succeeded', taskId: id })
 */
export function memoryObserver(options: MemoryObserverOptions = {}): MemoryObserver {
  const given = readOptions(options, [...OBSERVER_OPTION_NAMES, 'max'], WHERE)
  const { max = 10_000 } = given
  const filter = observerFilter(given, { name: 'memory', minLevel: 'debug' }, WHERE)
  checkBound('max', max, WHERE)
  /** A ring once it is full: `oldest` is where the next event goes. */
  let ring: PlainsightEvent[] = []
  let oldest = 0
  let received = 0
  let dropped = 0
  const kept = (): PlainsightEvent[] => [...ring.slice(oldest), ...ring.slice(0, oldest)]
  const waits = eventWaits(kept)
  return {
    ...filter,
    get events() {
      return kept()
    },
    get dropped() {
      return dropped
    },
    onEvent(event) {
      received++
      if (ring.length < max) {
        ring.push(event)
      } else {
        ring[oldest] = event
        oldest = (oldest + 1) % max
        dropped++
      }
      waits.see(event)
    },
    ofType: <Type extends EventType>(type: Type) =>
      kept().filter((event): event is EventOf<Type> => event.type === type),
    clear() {
      ring = []
      oldest = 0
    },
    waitFor: (wanted: Wanted, waitOptions?: WaitOptions) =>
      waits.waitFor(wanted, waitOptions) as Promise<never>,
    counts: () => ({ delivered: received - dropped, dropped, failed: 0, queued: 0 }),
  }
}
