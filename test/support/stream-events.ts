/** Events for tests of streams, and what a reader makes of them. */

import type { EventOf, PlainsightEvent } from '../../src/events/event.ts'
import type { StreamItem } from '../../src/observers/stream/item.ts'

export interface LogFields {
  readonly level?: 'debug' | 'info' | 'warning' | 'error'
  readonly taskId?: string
  readonly taskName?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly executorId?: string
  readonly message?: string
}

/** A log line with this `seq`. */
export function logEvent(seq: number, fields: LogFields = {}): EventOf<'task.log'> {
  const { level = 'info', taskId = 'task-1', taskName = 'task', tags = {} } = fields
  const { executorId = 'executor-1', message = `line ${seq}` } = fields
  return {
    type: 'task.log',
    level,
    time: 1_700_000_000_000 + seq,
    seq,
    executorId,
    taskId,
    taskName,
    attempt: 0,
    retriesUsed: 0,
    status: 'running',
    tags,
    queue: 'default',
    rootId: taskId,
    message,
  }
}

/** An event that is no log line, and so is kept before them. */
export function startedEvent(seq: number, executorId = 'executor-1'): PlainsightEvent {
  const { message: _, ...fields } = logEvent(seq, { executorId })
  return { ...fields, type: 'attempt.started', level: 'info', waitMs: 1 }
}

/** An event that is about no task. */
export function executorClosed(seq: number): PlainsightEvent {
  const { time, executorId } = logEvent(seq)
  return { type: 'executor.closed', level: 'info', time, seq, executorId, durationMs: 1, left: {} }
}

export const upTo = (count: number, from = 1): number[] =>
  Array.from({ length: count }, (_, index) => from + index)

/** The next `count` items of a reader, which is left then. */
export async function take<Item extends StreamItem>(
  items: AsyncIterable<Item>,
  count: number,
): Promise<Item[]> {
  const taken: Item[] = []
  if (count === 0) return taken
  for await (const item of items) {
    taken.push(item)
    if (taken.length === count) break
  }
  return taken
}

/** The `seq` of each event, and what other items say. */
export function shortly(items: readonly StreamItem[]): (number | string)[] {
  return items.map((item) => {
    if (item.type === 'event') return item.event.seq
    return item.type === 'gap' ? `${item.reason} ${item.count ?? '?'}` : item.reason
  })
}
