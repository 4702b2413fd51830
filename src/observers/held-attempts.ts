/** Events of running attempts, held until it is known how the attempt ends: bounded in every direction. */

import type { PlainsightEvent, TaskEvent } from '../events/event.ts'

export interface HeldAttempts {
  /** Events that are held. */
  readonly size: number
  /** Events that a bound pushed out. */
  readonly dropped: number
  /** Holds `event` for its attempt; older ones may have to go. */
  hold(event: TaskEvent): void
  /** Takes what is held for the attempt of `event`, oldest first, and remembers that it has failed. */
  release(event: TaskEvent): readonly PlainsightEvent[]
  /** Whether the attempt of `event` was released. */
  isReleased(event: TaskEvent): boolean
  /** The attempt of `event` is over, or a new one begins: forgets what is held of it, and answers how much that was. */
  forget(event: TaskEvent): number
  /** Forgets everything, and answers how much that was. */
  clear(): number
}

export interface HeldAttemptsOptions {
  readonly maxEventsPerAttempt: number
  readonly maxAttempts: number
  readonly maxBytes: number
}

interface Held {
  readonly attempt: number
  /** A queue: what is before `first` is gone. */
  events: TaskEvent[]
  first: number
  bytes: number
}

export function heldAttempts(options: HeldAttemptsOptions): HeldAttempts {
  const { maxEventsPerAttempt, maxAttempts, maxBytes } = options
  /** By task and executor, the one that began first is first. */
  const attempts = new Map<string, Held>()
  /** The number of the attempt that was released, of each task of which there was one. */
  const released = new Map<string, number>()
  let size = 0
  let bytes = 0
  let dropped = 0

  const keyOf = (event: TaskEvent): string => `${event.taskId} ${event.executorId}`
  const count = (held: Held): number => held.events.length - held.first

  function find(event: TaskEvent): Held | undefined {
    const held = attempts.get(keyOf(event))
    return held?.attempt === event.attempt ? held : undefined
  }

  function open(event: TaskEvent): Held {
    const before = attempts.get(keyOf(event))
    // Of an earlier attempt whose end was not seen.
    if (before !== undefined) dropped += empty(before)
    attempts.delete(keyOf(event))
    const held = { attempt: event.attempt, events: [], first: 0, bytes: 0 }
    attempts.set(keyOf(event), held)
    const [oldest] = attempts
    if (attempts.size > maxAttempts && oldest !== undefined) {
      dropped += empty(oldest[1])
      attempts.delete(oldest[0])
    }
    return held
  }

  function empty(held: Held): number {
    const gone = count(held)
    size -= gone
    bytes -= held.bytes
    held.events = []
    held.first = held.bytes = 0
    return gone
  }

  function dropFirst(held: Held): void {
    const freed = bytesOf(held.events[held.first] as TaskEvent)
    held.bytes -= freed
    bytes -= freed
    size -= 1
    dropped += 1
    held.first += 1
    if (held.first > 64 && held.first * 2 > held.events.length) {
      held.events = held.events.slice(held.first)
      held.first = 0
    }
  }

  /** The attempt that has been running for longest loses its oldest. */
  function dropOldest(): void {
    for (const held of attempts.values()) {
      if (count(held) === 0) continue
      dropFirst(held)
      return
    }
  }

  return {
    get size() {
      return size
    },
    get dropped() {
      return dropped
    },
    hold(event) {
      const held = find(event) ?? open(event)
      const added = bytesOf(event)
      held.events.push(event)
      held.bytes += added
      bytes += added
      size += 1
      if (count(held) > maxEventsPerAttempt) dropFirst(held)
      while (bytes > maxBytes && size > 0) dropOldest()
    },
    release(event) {
      const key = keyOf(event)
      released.delete(key)
      released.set(key, event.attempt)
      const [oldest] = released
      if (released.size > maxAttempts && oldest !== undefined) released.delete(oldest[0])
      const held = find(event)
      if (held === undefined) return []
      const events = held.events.slice(held.first)
      empty(held)
      attempts.delete(key)
      return events
    },
    isReleased: (event) => released.get(keyOf(event)) === event.attempt,
    forget(event) {
      const key = keyOf(event)
      released.delete(key)
      const held = attempts.get(key)
      attempts.delete(key)
      return held === undefined ? 0 : empty(held)
    },
    clear() {
      const gone = size
      attempts.clear()
      released.clear()
      size = bytes = 0
      return gone
    },
  }
}

/** About what an event takes in memory. Tags, context and ids are shared by the events of a task. */
function bytesOf(event: TaskEvent): number {
  let bytes = 400
  if (event.type === 'task.log') {
    bytes += 2 * event.message.length
    if (event.extra !== undefined) bytes += 2 * JSON.stringify(event.extra).length
  }
  if ('error' in event) {
    bytes += 2 * ((event.error as { readonly stack?: string } | undefined)?.stack?.length ?? 0)
  }
  return bytes
}
