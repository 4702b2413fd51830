/** What one entry of an event stream is: up to 50 events of one writer, or how many are missing. Documented in docs/event-streams.md. */

import type { PlainsightEvent } from '../../events/event.ts'

/** The version of the format that is written here, and the only one that is read. */
const ENTRY_VERSION = 1

/** The most events in an entry. */
const ENTRY_EVENTS = 50
/** So many characters of events are in an entry, unless one event alone has more. */
const ENTRY_CHARS = 262_144
/** So many characters go to the other side at once. */
const CALL_CHARS = 1_048_576
/** An event beyond this is left out, and told as missing: Redis may refuse what is longer than `proto-max-bulk-len`. */
const MAX_EVENT_CHARS = 16_777_216

/** Why a writer left events out. A newer writer may have other reasons. */
export type LossReason = 'dropped' | 'not_serializable' | 'too_large'

/** An entry as it is stored. Written once: what may have been stored is never cut in another way. */
export interface PackedEntry {
  /** The number of its last event. */
  readonly last: number
  readonly text: string
}

/** Entries that are stored together. */
export interface PackedCall {
  readonly entries: readonly PackedEntry[]
  /** The number of its first event. */
  readonly first: number
  /** How many of the events given are in it, or told by it as missing. */
  readonly events: number
  /** How many of those are told as missing. */
  readonly left: number
  /** The number of its last event. */
  readonly last: number
}

/** Puts events into entries, numbered from 1 on without holes: what is missing has numbers as well. */
export interface EntryPacker {
  readonly writer: string
  /**
   * The next call: first that `dropped` events are missing, then as many of `events` as fit, from `at` on. What cannot be
   * written is told as missing, and reported.
   */
  pack(
    events: readonly PlainsightEvent[],
    at: number,
    dropped: number,
    report: (error: Error) => void,
  ): PackedCall
}

/** At most `callEvents` events in a call. */
export function entryPacker(writer: string, callEvents: number): EntryPacker {
  const head = `{"v":${ENTRY_VERSION},"writer":${JSON.stringify(writer)},"first":`
  let next = 1

  return {
    writer,
    pack(events, at, dropped, report) {
      const entries: PackedEntry[] = []
      const first = next
      let total = 0
      let left = 0

      const add = (count: number, text: string): void => {
        const last = next + count - 1
        entries.push({ last, text })
        next = last + 1
        total += text.length
      }
      const addParts = (count: number, rest: string): void => {
        add(count, `${head}${next},"last":${next + count - 1},${rest}}`)
      }
      const addGap = (count: number, reason: LossReason): void => {
        addParts(count, `"gap":"${reason}"`)
      }
      const addEach = (few: readonly PlainsightEvent[]): void => {
        let texts: string[] = []
        let chars = 0
        const addTexts = (): void => {
          if (texts.length > 0) addParts(texts.length, `"events":[${texts.join(',')}]`)
          texts = []
          chars = 0
        }
        for (const event of few) {
          const text = textOf(event, report)
          if (typeof text === 'string') {
            if (chars + text.length > ENTRY_CHARS) addTexts()
            texts.push(text)
            chars += text.length
          } else {
            addTexts()
            addGap(1, text.left)
            left += 1
          }
        }
        addTexts()
      }

      if (dropped > 0) addGap(dropped, 'dropped')
      const end = Math.min(events.length, at + callEvents)
      let index = at
      while (index < end && total < CALL_CHARS) {
        const few = events.slice(index, Math.min(index + ENTRY_EVENTS, end))
        const text = textOfAll(writer, next, few)
        if (text === undefined) addEach(few)
        else add(few.length, text)
        index += few.length
      }
      return { entries, first, events: index - at, left, last: next - 1 }
    },
  }
}

/**
 * A whole entry in one go, which costs the least: what is put together from long texts is copied once more. `undefined`
 * when the events have to be looked at one by one.
 */
function textOfAll(
  writer: string,
  first: number,
  events: readonly PlainsightEvent[],
): string | undefined {
  try {
    for (const event of events) if (!isPlain(event)) return undefined
    const last = first + events.length - 1
    const text = JSON.stringify({ v: ENTRY_VERSION, writer, first, last, events })
    return text.length > ENTRY_CHARS ? undefined : text
  } catch {
    return undefined
  }
}

function textOf(
  event: PlainsightEvent,
  report: (error: Error) => void,
): string | { readonly left: LossReason } {
  try {
    const text = isPlain(event) ? JSON.stringify(event) : undefined
    if (text === undefined) {
      report(new Error('an event was left out: it is no plain object'))
    } else {
      if (text.length <= MAX_EVENT_CHARS) return text
      report(tooLarge(event, text.length))
      return { left: 'too_large' }
    }
  } catch (error) {
    report(new Error(`an event was left out: ${describeThrown(error)}`))
  }
  return { left: 'not_serializable' }
}

/** Whether its JSON is that of an object: nothing else has its place in a list of events. */
function isPlain(event: unknown): boolean {
  return typeof event === 'object' && event !== null && !('toJSON' in event)
}

function describeThrown(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'reading it throws'
  }
}

function tooLarge(event: PlainsightEvent, length: number): Error {
  const limit = `${MAX_EVENT_CHARS} is the most that one may have`
  return new Error(`an event ${event.type} of ${length} characters was left out: ${limit}`)
}

/** An entry as it was read. */
export type ReadEntry =
  | {
      readonly kind: 'events'
      readonly writer: string
      readonly first: number
      readonly last: number
      readonly events: readonly unknown[]
    }
  | {
      readonly kind: 'gap'
      readonly writer: string
      readonly first: number
      readonly last: number
      readonly reason: string
    }
  | { readonly kind: 'foreign'; readonly reason: ForeignReason }

/** `not_ours`: somebody else wrote it. `newer_version`: a version of this library that is newer than this one did. */
export type ForeignReason = 'not_ours' | 'newer_version'

const NOT_OURS: ReadEntry = { kind: 'foreign', reason: 'not_ours' }

/** Reads the text of an entry; `undefined` is that of one that has none. Never throws. */
export function readEntry(text: string | undefined): ReadEntry {
  if (text === undefined) return NOT_OURS
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return NOT_OURS
  }
  if (typeof value !== 'object' || value === null) return NOT_OURS
  const { v, writer, first, last, events, gap } = value as Readonly<Record<string, unknown>>
  if (v !== ENTRY_VERSION) {
    const isNewer = typeof v === 'number' && v > ENTRY_VERSION && typeof writer === 'string'
    return isNewer ? { kind: 'foreign', reason: 'newer_version' } : NOT_OURS
  }
  if (typeof writer !== 'string' || !isNumber(first) || !isNumber(last) || last < first) {
    return NOT_OURS
  }
  if (typeof gap === 'string') return { kind: 'gap', writer, first, last, reason: gap }
  if (!Array.isArray(events) || events.length !== last - first + 1) return NOT_OURS
  return { kind: 'events', writer, first, last, events }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
