/** The options that every reader of an event stream takes, checked. */

import type { BackendUnavailableError } from '../../task/errors.ts'
import { InvalidOptionsError } from '../../task/errors.ts'
import { reading } from '../../task/reading.ts'
import { eventFilter, EVENT_FILTER_NAMES, type EventFilterOptions } from './filter.ts'
import { positionOf } from './item.ts'
import type { ReadFrom, ReadSettings } from './read.ts'

export interface ReadOptions extends EventFilterOptions {
  /**
   * Where to begin: `'now'` (default: what is written after the first item was asked for), `'start'` (the oldest that the
   * stream still has), or the `id` of an item: after it.
   */
  readonly from?: 'now' | 'start' | (string & {}) | undefined
  /** Ends the loop, without an error. */
  readonly signal?: AbortSignal | undefined
  /** Told of each failed call, which is made again for as long as it takes. What it throws ends the loop. */
  readonly onError?: ((error: BackendUnavailableError) => void) | undefined
}

/** The names of {@link ReadOptions}. */
export const READ_OPTION_NAMES: readonly string[] = [
  ...EVENT_FILTER_NAMES,
  'from',
  'signal',
  'onError',
]

/**
 * @param words what the store itself calls a beginning
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the option
 */
export function readSettings(
  options: ReadOptions,
  entryId: RegExp,
  words: Readonly<Record<string, 'start' | 'now'>>,
  where: string,
): Omit<ReadSettings, 'open'> {
  const { from = 'now', signal, onError } = options
  const word = typeof from === 'string' && Object.hasOwn(words, from) ? words[from] : undefined
  return {
    from: word ?? readFrom(from, entryId, where),
    filter: eventFilter(options, where),
    signal: checkSignal(signal, where),
    onError: checkOnError(onError, where),
  }
}

function readFrom(from: unknown, entryId: RegExp, where: string): ReadFrom {
  if (from === 'now' || from === 'start') return from
  const position = typeof from === 'string' ? positionOf(from, entryId) : undefined
  if (position !== undefined) return position
  throw new InvalidOptionsError('from', "'now', 'start', or the id of an item", from, where)
}

function checkSignal(signal: unknown, where: string): AbortSignal | undefined {
  return reading('signal', where, () => {
    if (signal === undefined || signal instanceof AbortSignal) return signal
    throw new InvalidOptionsError('signal', 'an AbortSignal', signal, where)
  })
}

function checkOnError(onError: unknown, where: string): ReadSettings['onError'] {
  if (onError === undefined || typeof onError === 'function') {
    return onError as ReadSettings['onError']
  }
  throw new InvalidOptionsError('onError', 'a function', onError, where)
}
