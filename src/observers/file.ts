/** Writes events to a file as JSON lines, rotated by size or by somebody else. */

import { closeSync, openSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlainsightEvent } from '../events/event.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { reading } from '../task/reading.ts'
import { encodeJsonLines, jsonLines } from './console/json-line.ts'
import { eventBuffer } from './event-buffer.ts'
import { logFile } from './file/log-file.ts'
import type { Observer, ObserverCounts, ObserverHooks } from './observer.ts'
import {
  checkBound,
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from './observer-options.ts'

/** Options of {@link fileObserver}. */
export interface FileObserverOptions extends ObserverOptions {
  /**
   * A file that would become larger is rotated first. Default 104,857,600 (100 MiB); `Infinity` leaves rotating to
   * others, such as logrotate. A line is never split: one that is longer has a file of its own.
   */
  readonly maxBytes?: number | undefined
  /** How many old files are kept, as `path.1` (the youngest), `path.2`, … Default 5. */
  readonly keep?: number | undefined
  /** Events that may wait while nothing can be written. When it is full, the oldest `task.log` goes, else the oldest. Default 10,000. */
  readonly maxQueue?: number | undefined
}

/** An observer that writes a file, with exact counts. */
export interface FileObserver extends Observer {
  readonly name: string
  start(host?: ObserverHooks): void
  onEvent(event: PlainsightEvent): void
  flush(): Promise<void>
  close(): Promise<void>
  counts(): ObserverCounts
}

const WHERE = 'fileObserver: '
const OPTION_NAMES = [...OBSERVER_OPTION_NAMES, 'maxBytes', 'keep', 'maxQueue']
const MAX_RETRY_MS = 500

/**
 * Appends one line per event to `path`: the JSON lines of `consoleObserver`, in pino's format.
 *
 * Lines are written once per turn of the event loop, `warning` and `error` at once, and with whole lines only; at the end
 * of the process (natural, `process.exit`, uncaught exception) what waits is written. `SIGKILL` loses at most the `debug`
 * and `info` lines of one turn. A last line that a dying machine cut off is ended by the next process.
 *
 * A file that was moved, removed or truncated is noticed at the next write: logrotate works with and without
 * `copytruncate`. Several processes may write the same file of a local file system; one of them rotates. What
 * cannot be written (disk full, directory gone, permissions) is tried again for as long as `maxQueue` has room, then
 * dropped and counted, and told as `observer.error`.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown, or `path` cannot be appended to:
 * its directory is missing, it is a directory, a pipe or a device, or permissions forbid it
 * @example
 * createExecutor({ tasks, observers: [fileObserver('/var/log/app/tasks.log', { minLevel: 'debug' })] })
 */
export function fileObserver(path: string | URL, options: FileObserverOptions = {}): FileObserver {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { maxBytes = 100 * 1_048_576, keep = 5, maxQueue = 10_000 } = given
  const filter = observerFilter(given, { name: 'file', minLevel: 'info' }, WHERE)
  if (maxBytes !== Infinity) checkBound('maxBytes', maxBytes, WHERE)
  checkBound('keep', keep, WHERE)
  checkBound('maxQueue', maxQueue, WHERE)
  const place = reading('path', WHERE, () => readPath(path))
  const file = logFile({ path: place, maxBytes, keep })
  const line = lineOf(jsonLines())
  const { deliverNow, ...buffer } = eventBuffer({
    deliver: (batch, { report }) => file.append(encodeJsonLines(batch.map(line).join('')), report),
    onClose: () => file.close(),
    maxQueue,
    batchSize: Math.min(1_000, maxQueue),
    deadlineMs: 5_000,
    delayMs: 50,
    maxDelayMs: MAX_RETRY_MS,
    maxRetries: Infinity,
  })
  return {
    ...filter,
    ...buffer,
    onEvent(event) {
      buffer.onEvent(event)
      // What may be the last thing that is said.
      if (event.level === 'warning' || event.level === 'error') deliverNow()
    },
  }
}

/** The absolute path, links followed, of a file that can be appended to. Creates it. */
function readPath(path: unknown): string {
  const expected = 'a path, or a file: URL, of a file that can be appended to'
  const refused = (why: string, cause?: unknown): InvalidOptionsError => {
    const error = new InvalidOptionsError('path', `${expected} (${why})`, String(path), WHERE)
    error.cause = cause
    return error
  }
  if ((typeof path !== 'string' && !(path instanceof URL)) || path === '') {
    throw new InvalidOptionsError('path', expected, path, WHERE)
  }
  let place = ''
  try {
    place = resolve(path instanceof URL ? fileURLToPath(path) : path)
    const stats = statSync(place, { throwIfNoEntry: false })
    // Opening a pipe that nobody reads would block for ever.
    if (stats?.isDirectory() === true) throw refused('it is a directory')
    if (stats !== undefined && !stats.isFile()) throw refused('it is no regular file')
    closeSync(openSync(place, 'a+'))
    return realpathSync(place)
  } catch (error) {
    if (error instanceof InvalidOptionsError) throw error
    const { code = 'unknown', message } = error as NodeJS.ErrnoException
    if (PASSING.has(code)) return place
    throw refused(code === 'ENOENT' ? 'its directory does not exist' : message, error)
  }
}

// What may be over when there is something to write.
const PASSING: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'EIO',
  'EINTR',
  'EAGAIN',
  'EBUSY',
])

/** Every event has its line: one that cannot be written in full says so in its place. */
function lineOf(format: (event: PlainsightEvent) => string): (event: PlainsightEvent) => string {
  return (event) => {
    try {
      return format(event)
    } catch (error) {
      const { type, seq, executorId, time } = event
      const msg = `this event could not be written: ${String(error)}`
      return `${JSON.stringify({ level: 50, time, type, seq, executorId, msg })}\n`
    }
  }
}
