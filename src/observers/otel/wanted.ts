/** Whether a log record is wanted, for what the executor has not filtered: events that metrics need whatever their level. */

import type { EventType, PlainsightEvent } from '../../events/event.ts'
import type { LevelFilter } from '../../events/level-filter.ts'
import { LEVELS, type Level } from '../../task/level.ts'
import type { Tags } from '../../task/tags.ts'
import type { ObserverFilter } from '../observer-options.ts'

/** Types that are counted, and so have to be received even where nobody wants to read of them. */
export const COUNTED: readonly EventType[] = [
  'task.deduplicated',
  'task.retrying',
  'task.succeeded',
  'task.failed',
  'task.cancelled',
  'task.interrupted',
  'task.requeued',
  'task.expired',
]

const counted: ReadonlySet<EventType> = new Set(COUNTED)

/** Of an event that the executor has passed. */
export function isEventWanted(
  levels: LevelFilter,
  { types, lifecycle }: ObserverFilter,
  event: PlainsightEvent,
): boolean {
  // It passed because it is wanted: others are not asked for.
  if (!counted.has(event.type) || types?.includes(event.type) === true) return true
  return lifecycle !== false && LEVELS[event.level] >= floorOf(levels, event)
}

/** Whether a record of this level about this task is wanted. */
export function isLevelWanted(
  levels: LevelFilter,
  task: { readonly id: string; readonly name: string; readonly tags: Tags },
  level: Level,
): boolean {
  // The rules look at these and at nothing else.
  const like = { taskId: task.id, taskName: task.name, tags: task.tags } as PlainsightEvent
  return LEVELS[level] >= floorOf(levels, like)
}

function floorOf({ floor, floorFor }: LevelFilter, event: PlainsightEvent): number {
  return floorFor === undefined ? floor : floorFor(event)
}
