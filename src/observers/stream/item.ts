/** What a reader of an event stream is given. */

import type { PlainsightEvent } from '../../events/event.ts'
import type { ForeignReason, LossReason } from './entry.ts'

/** An event, as the observer got it. */
export interface EventItem {
  readonly type: 'event'
  /** Where it stands; pass it as `from` to go on after it. */
  readonly id: string
  readonly event: PlainsightEvent
  /** Who wrote it: an observer, from its start to its close. */
  readonly writer: string
  /** Its number at this writer, from 1 on: writer and number are the same however often it is read. */
  readonly number: number
}

/** Events are missing here. */
export interface GapItem {
  readonly type: 'gap'
  readonly id: string
  readonly event?: undefined
  /**
   * `dropped`: the writer's buffer was full. `not_serializable`, `too_large`: the writer could not write it. `trimmed`:
   * pushed out by `maxLen` before they were read. `lost`: deleted otherwise, or forgotten by a store that had confirmed
   * them. A newer writer may give another reason.
   */
  readonly reason: LossReason | 'trimmed' | 'lost' | (string & {})
  /** How many; `undefined` when that is not known. Counts events of the writer, whatever this reader filters. */
  readonly count: number | undefined
  /** Whose; `undefined` when that is not known. */
  readonly writer: string | undefined
}

/** An entry that cannot be read, told once per reader and reason; all others like it are passed over. */
export interface ForeignItem {
  readonly type: 'foreign'
  readonly id: string
  readonly event?: undefined
  /** `not_ours`: somebody else wrote it. `newer_version`: this library is older than its writer. */
  readonly reason: ForeignReason
}

/** Discriminated by `type`; only those of type `event` have an `event`. */
export type StreamItem = EventItem | GapItem | ForeignItem

/** The place of an item: an entry, and which of its events. */
export interface Position {
  readonly entry: string
  /** -1 is before the first. */
  readonly index: number
}

export function itemId(entry: string, index: number): string {
  return `${entry}:${index}`
}

/** The place that an id names; `undefined` when it names none. The id of an entry alone is that of its last event. */
export function positionOf(id: string, entryPattern: RegExp): Position | undefined {
  const colon = id.indexOf(':')
  const entry = colon < 0 ? id : id.slice(0, colon)
  if (!entryPattern.test(entry)) return undefined
  if (colon < 0) return { entry, index: Infinity }
  const index = id.slice(colon + 1)
  return /^(-1|\d{1,9})$/.test(index) ? { entry, index: Number(index) } : undefined
}
