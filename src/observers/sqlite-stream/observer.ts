/** Writes events to a SQLite file, from which other processes of the machine read them. */

import {
  checkBound,
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from '../observer-options.ts'
import { checkMaxLen } from '../stream/max-len.ts'
import { streamObserver, type StreamObserver } from '../stream/observer.ts'
import { readPath } from './path.ts'
import { sqliteSink } from './sink.ts'

/** Options of {@link sqliteStreamObserver}. */
export interface SqliteStreamObserverOptions extends ObserverOptions {
  /**
   * How many entries the stream keeps, about; each holds up to 50 events that came together. Default 10,000; `Infinity`
   * keeps all.
   */
  readonly maxLen?: number | undefined
  /** Events that may wait while nothing can be written. When it is full, the oldest `task.log` goes, else the oldest, but none of the batch under way. Default 10,000. */
  readonly maxQueue?: number | undefined
}

const WHERE = 'sqliteStreamObserver: '
const OPTION_NAMES = [...OBSERVER_OPTION_NAMES, 'maxLen', 'maxQueue']
const MAX_DELAY_MS = 500

/**
 * Writes every event to a SQLite file of its own, from which `readSqliteEvents` of any process of this machine reads them,
 * at most 0.1 s later: what `redisStreamObserver` is for several machines. Several processes may write to one file.
 *
 * Events of one turn of the event loop are one transaction, and each is in the stream once. What is written survives
 * `kill -9`; what waits when the process ends is written then. While nothing can be written (disk full, locked by somebody)
 * `maxQueue` events wait; what does not fit is counted as `dropped`, and the stream says how many are missing.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @example
 * createExecutor({ tasks, backend: sqliteBackend('tasks.db'), observers: [sqliteStreamObserver('events.db')] })
 */
export function sqliteStreamObserver(
  path: string,
  options: SqliteStreamObserverOptions = {},
): StreamObserver {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { maxLen = 10_000, maxQueue = 10_000 } = given
  const filter = observerFilter(given, { name: 'sqlite-stream', minLevel: 'info' }, WHERE)
  const place = readPath(path, WHERE)
  checkMaxLen(maxLen, WHERE)
  checkBound('maxQueue', maxQueue, WHERE)
  return streamObserver({
    filter,
    maxQueue,
    maxDelayMs: MAX_DELAY_MS,
    window: 1,
    open: () => sqliteSink(place, maxLen),
  })
}
