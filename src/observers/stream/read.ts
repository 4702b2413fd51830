/** Reads an event stream, whatever it lies in: in order, each event once, across lost connections; and says what is missing. */

import { setTimeout as sleep } from 'node:timers/promises'
import { BackendUnavailableError } from '../../task/errors.ts'
import type { Backoff } from '../../task/options.ts'
import { backoffDelayMs } from '../../task/retry.ts'
import { readEntry, type ForeignReason, type ReadEntry } from './entry.ts'
import { isEvent, type EventFilter } from './filter.ts'
import { itemId, type GapItem, type Position, type StreamItem } from './item.ts'

/** An entry of the stream: where it stands, and what it holds; `undefined` when it is not one of ours. */
export interface RawEntry {
  readonly id: string
  readonly text: string | undefined
}

/** A stream to read from. Its methods reject with {@link BackendUnavailableError}; every call tries anew. */
export interface EntrySource {
  /** The entries after this id, oldest first, and not too many; none after a while without any. */
  read(after: string): Promise<readonly RawEntry[]>
  /** The id of the oldest entry; `undefined` when there is none. */
  first(): Promise<string | undefined>
  /** The id of the newest entry there has been: what comes after it is new. */
  last(): Promise<string>
  /** Negative when `a` stands before `b`, 0 when they are the same. */
  order(a: string, b: string): number
  /** The id just before this one, whether or not there is such an entry. */
  before(id: string): string
  /** The id before all others. */
  readonly origin: string
  /** Ends whatever is under way. */
  close(): void
}

/** Where reading begins: at the oldest entry, after the newest, or after an item. */
export type ReadFrom = 'start' | 'now' | Position

export interface ReadSettings {
  readonly open: () => EntrySource
  readonly from: ReadFrom
  readonly filter: EventFilter
  readonly signal: AbortSignal | undefined
  readonly onError: ((error: BackendUnavailableError) => void) | undefined
}

/** Writers whose numbers are known. Each start of an observer is one. */
const MAX_WRITERS = 10_000

/** See `readEvents`. Opens the source with the first item that is asked for, and closes it when the loop is left. */
export async function* readStream(
  settings: ReadSettings,
): AsyncGenerator<StreamItem, void, undefined> {
  const { open, filter, signal } = settings
  if (isAborted(signal)) return
  const source = open()
  const end = (): void => source.close()
  signal?.addEventListener('abort', end, { once: true })
  try {
    const call = patiently(settings)
    const foreign = foreignOnce()
    const numbers = writerNumbers(settings.from === 'start')
    let resumed = typeof settings.from === 'string' ? undefined : settings.from
    let position =
      resumed !== undefined
        ? source.before(resumed.entry)
        : settings.from === 'start'
          ? source.origin
          : await call(() => source.last())
    for (;;) {
      const after = position
      const entries = await call(() => source.read(after))
      if (resumed !== undefined && entries[0]?.id !== resumed.entry) {
        const gap = await call(() => missingSince(source, resumed as Position, entries[0]?.id))
        if (gap !== undefined) yield gap
        // Nothing has come yet: the entry that was read last may be the newest one.
        if (entries.length > 0 || gap !== undefined) resumed = undefined
      }
      for (const { id, text } of entries) {
        const entry = readEntry(text)
        const skip = resumed?.entry === id ? resumed.index + 1 : 0
        if (entry.kind === 'foreign') {
          // What was gone on after has been told.
          if (skip === 0) yield* foreign(id, entry.reason)
        } else {
          const from = position
          const { missing, seen } = numbers.look(entry)
          if (missing > 0) {
            const reason = await call(() => missingReason(source, from))
            yield gapItem(itemId(id, -1), reason, missing, entry.writer)
          }
          for (const item of itemsOf(id, entry, Math.max(seen, skip), filter, foreign)) {
            yield item
            signal?.throwIfAborted()
          }
        }
        position = id
        resumed = undefined
      }
    }
  } catch (error) {
    if (!isAborted(signal)) throw error
  } finally {
    signal?.removeEventListener('abort', end)
    source.close()
  }
}

/** The items of an entry, from the event with this index on. */
export function* itemsOf(
  id: string,
  entry: Exclude<ReadEntry, { kind: 'foreign' }>,
  from: number,
  filter: EventFilter,
  foreign: (id: string, reason: ForeignReason) => Iterable<StreamItem>,
): Generator<StreamItem, void, undefined> {
  const { writer, first, last } = entry
  if (entry.kind === 'gap') {
    if (from === 0) yield gapItem(itemId(id, 0), entry.reason, last - first + 1, writer)
    return
  }
  for (let index = from; index < entry.events.length; index++) {
    const event = entry.events[index]
    if (!isEvent(event)) yield* foreign(itemId(id, index), 'not_ours')
    else if (filter(event)) {
      yield { type: 'event', id: itemId(id, index), event, writer, number: first + index }
    }
  }
}

/** Tells of the first foreign entry for each reason. */
export function foreignOnce(): (id: string, reason: ForeignReason) => readonly StreamItem[] {
  const told = new Set<ForeignReason>()
  return (id, reason) => {
    if (told.has(reason)) return []
    told.add(reason)
    return [{ type: 'foreign', id: id.includes(':') ? id : itemId(id, 0), reason }]
  }
}

export function gapItem(
  id: string,
  reason: GapItem['reason'],
  count: number | undefined,
  writer: string | undefined,
): GapItem {
  return { type: 'gap', id, reason, count, writer }
}

/** What cannot become better by waiting, when nothing has ever been read. */
const HOPELESS: ReadonlySet<string> = new Set([
  'access_denied',
  'wrong_type',
  'cannot_open',
  'foreign_database',
  'not_a_database',
  'newer_schema',
])
const RETRY: Backoff = { delayMs: 50, factor: 2, maxMs: 1_000, jitter: 'equal' }

/** Calls again until it succeeds; rejects when that is hopeless, or the signal has aborted. */
export function patiently(
  settings: Pick<ReadSettings, 'signal' | 'onError'>,
): <T>(call: () => Promise<T>) => Promise<T> {
  const { signal, onError } = settings
  let hasWorked = false
  return async (call) => {
    for (let failures = 1; ; failures++) {
      signal?.throwIfAborted()
      try {
        const answer = await call()
        signal?.throwIfAborted()
        hasWorked = true
        return answer
      } catch (error) {
        if (isAborted(signal) || !(error instanceof BackendUnavailableError)) throw error
        if (!hasWorked && HOPELESS.has(error.reason)) throw error
        onError?.(error)
        await sleep(backoffDelayMs(RETRY, failures, Math.random), undefined, { signal })
      }
    }
  }
}

// A function: it may have become so since it was looked at last.
export function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/**
 * The entry that was read last is not there: when the stream begins after it, or began anew, what followed it may be gone
 * too.
 */
async function missingSince(
  source: EntrySource,
  resumed: Position,
  next: string | undefined,
): Promise<GapItem | undefined> {
  if (next !== undefined && source.order(next, resumed.entry) < 0) {
    return gapItem(itemId(next, -1), 'lost', undefined, undefined)
  }
  const first = await source.first()
  if (first === undefined) {
    const index = Math.min(resumed.index, 999_999_999)
    return gapItem(itemId(resumed.entry, index), 'trimmed', undefined, undefined)
  }
  if (source.order(first, resumed.entry) > 0) {
    return gapItem(itemId(first, -1), 'trimmed', undefined, undefined)
  }
  // It alone is gone, and some of it may not have been read.
  const isInMiddle = resumed.index !== Infinity && next !== undefined
  return isInMiddle ? gapItem(itemId(next, -1), 'lost', undefined, undefined) : undefined
}

async function missingReason(source: EntrySource, position: string): Promise<'trimmed' | 'lost'> {
  const first = await source.first()
  return first !== undefined && source.order(first, position) > 0 ? 'trimmed' : 'lost'
}

interface WriterNumbers {
  /** How many events of this writer are missing before the entry, and how many of its first ones were there already. */
  look(entry: Exclude<ReadEntry, { kind: 'foreign' }>): { missing: number; seen: number }
}

/** What each writer is expected to write next. With `fromFirst`, a writer that is new here begins with 1. */
function writerNumbers(fromFirst: boolean): WriterNumbers {
  const next = new Map<string, number>()
  let isComplete = fromFirst
  return {
    look({ writer, first, last }) {
      const expected = next.get(writer) ?? (isComplete ? 1 : first)
      next.delete(writer)
      next.set(writer, Math.max(expected, last + 1))
      if (next.size > MAX_WRITERS) {
        const [oldest = ''] = next.keys()
        next.delete(oldest)
        isComplete = false
      }
      return { missing: Math.max(0, first - expected), seen: Math.max(0, expected - first) }
    },
  }
}
