/** Which events a reader wants. */

import type { EventType, PlainsightEvent } from '../../events/event.ts'
import { nameTest, parseMinLevel } from '../../events/level-filter.ts'
import { InvalidOptionsError } from '../../task/errors.ts'
import { LEVELS, SILENT, type Level } from '../../task/level.ts'
import { readFields } from '../../task/reading.ts'
import type { MinLevel } from '../observer.ts'
import { observerFilter } from '../observer-options.ts'

/** All that are given have to fit. */
export interface EventFilterOptions {
  /** The lowest level, or rules by task name and tag, as for an observer. Default: all that is in the stream. */
  readonly minLevel?: MinLevel | undefined
  /** Event types wanted whatever their level. Without `minLevel`: only these. */
  readonly types?: readonly EventType[] | undefined
  /** Only events of tasks of this name; `*` stands for any characters. */
  readonly task?: string | undefined
  /** Only events of this task. */
  readonly taskId?: string | undefined
  /** Only events of tasks that have these tags. */
  readonly tags?: Readonly<Record<string, string>> | undefined
}

export const EVENT_FILTER_NAMES: readonly string[] = ['minLevel', 'types', 'task', 'taskId', 'tags']

export type EventFilter = (event: PlainsightEvent) => boolean

/** @throws {InvalidOptionsError} INVALID_OPTIONS naming the option */
export function eventFilter(options: EventFilterOptions, where: string): EventFilter {
  const { task, taskId } = options
  const { minLevel, types } = observerFilter(
    { minLevel: options.minLevel, types: options.types },
    { name: 'reader', minLevel: 'debug' },
    where,
  )
  const { floor, floorFor } = parseMinLevel(minLevel)
  const wanted = types === undefined ? undefined : new Set<string>(types)
  const onlyTypes = wanted !== undefined && options.minLevel === undefined
  checkText('task', task, where)
  checkText('taskId', taskId, where)
  const isName = task === undefined ? undefined : nameTest(task)
  const tags = Object.entries(checkTags(options.tags, where))

  return (event) => {
    if (isName !== undefined || taskId !== undefined || tags.length > 0) {
      if (!('taskId' in event)) return false
      if (taskId !== undefined && event.taskId !== taskId) return false
      if (isName !== undefined && !isName(event.taskName)) return false
      if (tags.some(([key, value]) => event.tags[key] !== value)) return false
    }
    if (wanted?.has(event.type) === true) return true
    if (onlyTypes) return false
    return LEVELS[event.level] >= (floorFor === undefined ? floor : floorFor(event))
  }
}

/**
 * Whether this is an event, as far as a reader relies on it. A type or a field that is not known here is no obstacle:
 * it was written by a newer version.
 */
export function isEvent(value: unknown): value is PlainsightEvent {
  if (typeof value !== 'object' || value === null) return false
  const { type, level, taskId, taskName, tags } = value as Readonly<Record<string, unknown>>
  if (typeof type !== 'string') return false
  if ((LEVELS[level as Level] ?? SILENT) === SILENT) return false
  if (taskId === undefined) return true
  return typeof taskName === 'string' && typeof tags === 'object' && tags !== null
}

function checkText(option: string, value: unknown, where: string): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return
  throw new InvalidOptionsError(option, 'a string that is not empty', value, where)
}

function checkTags(value: unknown, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return {}
  const tags = readFields(value, 'tags', 'an object of strings', where)
  for (const [key, tag] of Object.entries(tags)) {
    if (typeof tag === 'string') continue
    throw new InvalidOptionsError(`tags[${JSON.stringify(key)}]`, 'a string', tag, where)
  }
  return tags as Readonly<Record<string, string>>
}
