/** Waits for an event that is among those kept, or comes later. */

import type { EventType, PlainsightEvent } from '../events/event.ts'
import { MAX_TIMER_MS } from '../task/clock.ts'
import type { Duration } from '../task/duration.ts'
import { InvalidOptionsError, WaitTimeoutError } from '../task/errors.ts'
import type { Level } from '../task/level.ts'
import { plainData } from '../task/plain-data.ts'
import { reading, readWait } from '../task/reading.ts'
import type { Status } from '../task/status.ts'

/** Fields that an event must have, each with this value. */
export interface EventMatch<Type extends EventType = EventType> {
  readonly type?: Type
  readonly level?: Level
  readonly executorId?: string
  readonly taskId?: string
  readonly taskName?: string
  readonly label?: string
  readonly attempt?: number
  readonly status?: Status
  readonly queue?: string
  readonly parentId?: string
  readonly rootId?: string
  /** Of a log line. */
  readonly message?: string
  readonly reason?: string
}

/** How long to wait. */
export interface WaitOptions {
  /** Default 5 s. */
  readonly timeout?: Duration | undefined
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** A predicate, an event type, or fields. */
export type Wanted = EventType | EventMatch | ((event: PlainsightEvent) => boolean)

/** The waits over one list of events. */
export interface EventWaits {
  /** Tells the waits that an event came. Never throws. */
  see(event: PlainsightEvent): void
  waitFor(wanted: Wanted, options?: WaitOptions): Promise<PlainsightEvent>
}

const LAST_SEEN = 10

/** Waits over the events that `kept` answers, and those that `see` is told. */
export function eventWaits(kept: () => readonly PlainsightEvent[]): EventWaits {
  const waits = new Set<(event: PlainsightEvent) => void>()
  return {
    see(event) {
      // A copy: an answered wait leaves the set. Each wait catches what its predicate throws.
      for (const wait of waits.size === 0 ? [] : [...waits]) wait(event)
    },
    async waitFor(wanted, options) {
      const { timeoutMs = 5_000, signal } = readWait(options, 'waitFor: ')
      const accepts = reading('wanted', 'waitFor: ', () => predicateOf(wanted))
      signal?.throwIfAborted()
      const past = kept().find((event) => accepts(event))
      if (past !== undefined) return past
      return new Promise<PlainsightEvent>((resolve, reject) => {
        const end = (): void => {
          waits.delete(wait)
          clearTimeout(timer)
          signal?.removeEventListener('abort', onAbort)
        }
        const wait = (event: PlainsightEvent): void => {
          try {
            if (!accepts(event)) return
            end()
            resolve(event)
          } catch (error) {
            end()
            // The predicate's own error, whatever it is.
            reject(error)
          }
        }
        const onAbort = (): void => {
          end()
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an abort's reason is passed on as it is
          reject(signal?.reason)
        }
        const timer = setTimeout(
          () => {
            end()
            reject(new WaitTimeoutError(timeoutMessage(wanted, timeoutMs, kept()), timeoutMs))
          },
          Math.min(timeoutMs, MAX_TIMER_MS),
        )
        signal?.addEventListener('abort', onAbort)
        waits.add(wait)
      })
    },
  }
}

function predicateOf(wanted: Wanted): (event: PlainsightEvent) => boolean {
  if (typeof wanted === 'function') return wanted
  if (typeof wanted === 'string') return (event) => event.type === wanted
  if (typeof wanted !== 'object' || wanted === null) {
    const expected = 'an event type, fields such as { type, taskId }, or a predicate'
    throw new InvalidOptionsError('wanted', expected, wanted, 'waitFor: ')
  }
  const fields = Object.entries(wanted).filter(([, value]) => value !== undefined)
  return (event) =>
    fields.every(([key, value]) => (event as unknown as Record<string, unknown>)[key] === value)
}

function timeoutMessage(
  wanted: Wanted,
  timeoutMs: number,
  kept: readonly PlainsightEvent[],
): string {
  const what =
    typeof wanted === 'function'
      ? 'an event that the predicate accepts'
      : JSON.stringify(plainData(wanted))
  const last = kept.slice(-LAST_SEEN).map((event) => event.type)
  const seen =
    last.length === 0
      ? 'no event was seen'
      : `${kept.length} events are kept, the last of them: ${last.join(', ')}`
  return `waited ${timeoutMs} ms for ${what}; ${seen}`
}
