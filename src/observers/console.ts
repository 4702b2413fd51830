/** Writes events to the console: lines for people on a terminal, JSON lines in pino's format everywhere else. */

import { InvalidOptionsError } from '../task/errors.ts'
import { reading } from '../task/reading.ts'
import { encodeJsonLines, jsonLines } from './console/json-line.ts'
import { humanLines } from './console/human-line.ts'
import { type LineSink, type LineStream, lineSink } from './line-sink.ts'
import { lineWriter } from './line-writer.ts'
import type { Observer, ObserverCounts } from './observer.ts'
import {
  checkBound,
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from './observer-options.ts'

/** Options of {@link consoleObserver}. */
export interface ConsoleObserverOptions extends ObserverOptions {
  /**
   * `'stdout'` (default), `'stderr'`, a file descriptor, or an object with `write(text)`. The first three are written
   * synchronously; an object delivers as well as it does.
   */
  readonly stream?: LineStream | undefined
  /** `'auto'` (default): `human` when the stream is a terminal, else `json`. */
  readonly format?: 'auto' | 'human' | 'json' | undefined
  /** `'auto'` (default): colours on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`. JSON has none. */
  readonly color?: 'auto' | boolean | undefined
  /** Lines that may wait while the reader lags; the newest beyond are dropped and counted. Default 10,000. */
  readonly maxQueued?: number | undefined
}

/** An observer that writes lines, with exact counts. */
export interface ConsoleObserver extends Observer {
  readonly name: string
  onEvent(event: Parameters<NonNullable<Observer['onEvent']>>[0]): void
  flush(): Promise<void>
  close(): Promise<void>
  counts(): ObserverCounts
}

const WHERE = 'consoleObserver: '
const OPTION_NAMES = [...OBSERVER_OPTION_NAMES, 'stream', 'format', 'color', 'maxQueued']

/**
 * Writes one line per event, whatever the event says: control characters, bidi controls and characters of no width
 * are escaped.
 *
 * Lines are written once per turn of the event loop; `warning` and `error` at once. At the end of the process
 * (natural, `process.exit`, uncaught exception) what waits is written, for up to 10 s while the reader still reads.
 * `SIGKILL`, or a signal that nobody handles, loses at most the `debug` and `info` lines of one turn, and what a
 * lagging reader has not taken. A reader that is gone (`node app | head -1`) is survived; what it does not get is dropped.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @example
 * createExecutor({ tasks, observers: [consoleObserver({ minLevel: 'warning', stream: 'stderr' })] })
 */
export function consoleObserver(options: ConsoleObserverOptions = {}): ConsoleObserver {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { stream = 'stdout', format = 'auto', color = 'auto', maxQueued = 10_000 } = given
  const filter = observerFilter(given, { name: 'console', minLevel: 'info' }, WHERE)
  if (format !== 'auto' && format !== 'human' && format !== 'json') {
    throw new InvalidOptionsError('format', '"auto", "human" or "json"', format, WHERE)
  }
  if (color !== 'auto' && typeof color !== 'boolean') {
    throw new InvalidOptionsError('color', '"auto", true or false', color, WHERE)
  }
  checkBound('maxQueued', maxQueued, WHERE)
  const sink = reading('stream', WHERE, () => lineSink(stream, WHERE))
  const isHuman = format === 'human' || (format === 'auto' && sink.isTty)
  const writer = isHuman
    ? lineWriter({ sink, maxQueued, format: humanLines({ color: hasColor(color, sink) }) })
    : lineWriter({ sink, maxQueued, format: jsonLines(), encode: encodeJsonLines })
  return { ...filter, ...writer }
}

function hasColor(color: 'auto' | boolean, sink: LineSink): boolean {
  if (color !== 'auto') return color
  // https://no-color.org: present and not empty, whatever its value.
  const { NO_COLOR, TERM } = process.env
  return sink.isTty && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}
