/** Writes events to a Redis stream: batched, bounded, and each of them once. */

import {
  checkBound,
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from './observer-options.ts'
import { checkPlace, DEFAULT_STREAM, type RedisStreamPlace } from './redis-stream/place.ts'
import { redisSink } from './redis-stream/sink.ts'
import { checkMaxLen } from './stream/max-len.ts'
import { streamObserver, type StreamObserver } from './stream/observer.ts'

/** Options of {@link redisStreamObserver}. */
export interface RedisStreamObserverOptions extends ObserverOptions, RedisStreamPlace {
  /**
   * How many entries the stream keeps, about (`MAXLEN ~`); each holds up to 50 events that came together. Default
   * 10,000; `Infinity` keeps all.
   */
  readonly maxLen?: number | undefined
  /** Events that may wait while Redis is away. When it is full, the oldest `task.log` goes, else the oldest, but none of the up to 2,000 under way. Default 10,000. */
  readonly maxQueue?: number | undefined
}

const WHERE = 'redisStreamObserver: '
const OPTION_NAMES = [...OBSERVER_OPTION_NAMES, 'client', 'stream', 'maxLen', 'maxQueue']
const MAX_DELAY_MS = 1_000
/** Scripts under way: with one, this process and Redis wait for each other in turn. */
const WINDOW = 4

/**
 * Writes every event to a Redis stream, from which `readEvents` of any process reads them; docs/event-streams.md has the
 * format for other programs.
 *
 * Events of one turn of the event loop go together, by scripts that store nothing twice, up to four of them under way:
 * however often a connection breaks, an event is in the stream once, in the order of its executor, whatever other observers
 * write beside it. While Redis is away `maxQueue` events wait; what does not fit is counted as `dropped`, and the stream says
 * how many are missing where they would be. What Redis refuses is told as `observer.error`, and tried again at least once a
 * second.
 *
 * It has a connection of its own, made like `client`, which keeps no process alive.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @example
 * createExecutor({ tasks, observers: [redisStreamObserver({ client: 'redis://localhost', stream: 'app:events' })] })
 */
export function redisStreamObserver(options: RedisStreamObserverOptions): StreamObserver {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { client, stream = DEFAULT_STREAM, maxLen = 10_000, maxQueue = 10_000 } = given
  const filter = observerFilter(given, { name: 'redis-stream', minLevel: 'info' }, WHERE)
  checkPlace(client, stream, WHERE)
  checkMaxLen(maxLen, WHERE)
  checkBound('maxQueue', maxQueue, WHERE)
  return streamObserver({
    filter,
    maxQueue,
    maxDelayMs: MAX_DELAY_MS,
    window: WINDOW,
    open: () => redisSink(client, stream, maxLen, WHERE),
  })
}
