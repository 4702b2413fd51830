/** Hands events to a pino logger: one call per event, flat fields, no child loggers. */

import type { PlainsightEvent } from '../events/event.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { reading } from '../task/reading.ts'
import { eventMessage } from './event-words.ts'
import { lineFields, type LogFields, logFields } from './log-fields.ts'
import type { Observer, ObserverCounts } from './observer.ts'
import {
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverOptions,
} from './observer-options.ts'

/** What is needed of a logger: pino's, or one with the same four methods. */
export interface PinoLike {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /**
   * When there is one, nothing is built for a level that the logger does not write. Asked until it says yes, and again when
   * the method of that level is another: pino replaces its methods when its level changes.
   */
  isLevelEnabled?(level: string): boolean
}

/** Options of {@link pinoObserver}. */
export type PinoObserverOptions = ObserverOptions

/** An observer that hands events to a logger. */
export interface PinoObserver extends Observer {
  readonly name: string
  onEvent(event: PlainsightEvent): void
  counts(): ObserverCounts
}

const WHERE = 'pinoObserver: '

/**
 * Calls `logger.debug`, `info`, `warn` or `error` with the event's fields and a message, as `consoleObserver` writes
 * them in JSON; an error is under `err`. Whether and when a line is written is the logger's business: `counts()`
 * says `delivered` when the call returned, `failed` when it threw (it is rethrown, so that the executor reports it).
 *
 * Objects inside the fields are copies, so redaction, serializers and formatters may change them.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when the logger lacks a method, or an option is wrong or unknown
 * @example
 * createExecutor({ tasks, observers: [pinoObserver(pino(), { minLevel: 'debug' })] })
 */
export function pinoObserver(logger: PinoLike, options: PinoObserverOptions = {}): PinoObserver {
  reading('logger', WHERE, () => checkLogger(logger))
  const filter = observerFilter(
    readOptions(options, OBSERVER_OPTION_NAMES, WHERE),
    { name: 'pino', minLevel: 'info' },
    WHERE,
  )
  const enabled: Enabled = { debug: undefined, info: undefined, warn: undefined, error: undefined }
  let delivered = 0
  let failed = 0
  return {
    ...filter,
    onEvent(event) {
      try {
        log(logger, enabled, event)
        delivered++
      } catch (error) {
        failed++
        throw error
      }
    },
    counts: () => ({ delivered, dropped: 0, failed, queued: 0 }),
  }
}

type Method = 'debug' | 'info' | 'warn' | 'error'

/** The methods that the logger was asked about last, and said yes. */
type Enabled = Record<Method, PinoLike[Method] | undefined>

// The method is looked up at each call: pino replaces its methods when its level changes.
function log(logger: PinoLike, enabled: Enabled, event: PlainsightEvent): void {
  const name = event.level === 'warning' ? 'warn' : event.level
  const method = logger[name]
  if (method !== enabled[name]) {
    if (logger.isLevelEnabled?.(name) === false) return
    enabled[name] = method
  }
  logger[name](ownFields(event), eventMessage(event))
}

// Events are frozen. A redaction that works in place would fail silently on them, and print the secret.
function ownFields(event: PlainsightEvent): LogFields {
  const fields =
    event.type === 'task.log'
      ? lineFields(event, event.extra === undefined ? undefined : thawed(event.extra))
      : logFields(event)
  const { tags, context, err, resultError } = fields
  if (tags !== undefined) fields['tags'] = thawed(tags as object)
  if (context !== undefined) fields['context'] = thawed(context as object)
  // These are fresh themselves, and have a prototype to keep.
  if (err !== undefined) thawItems(err as Items)
  if (resultError !== undefined) thawItems(resultError as Items)
  return fields
}

type Items = Record<string, unknown>

function thawed(value: object): unknown {
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...value }
  thawItems(copy as Items)
  return copy
}

function thawItems(items: Items): void {
  for (const key in items) {
    const item = items[key]
    if (typeof item === 'object' && item !== null) items[key] = thawed(item)
  }
}

function checkLogger(logger: unknown): void {
  for (const method of ['debug', 'info', 'warn', 'error'] as const) {
    const found = (logger as Partial<PinoLike> | null | undefined)?.[method]
    if (typeof found === 'function') continue
    throw new InvalidOptionsError(
      'logger',
      `a pino logger, with a method ${method}()`,
      logger,
      WHERE,
    )
  }
}
