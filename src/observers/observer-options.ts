/** The options that every shipped observer takes, checked. */

import { EVENT_LEVELS, type EventType } from '../events/event.ts'
import { describeValue } from '../task/describe.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { parseLevel } from '../task/level.ts'
import { readFields, reading } from '../task/reading.ts'
import type { MinLevel } from './observer.ts'

/** What every shipped observer can be asked for; the executor filters by it before anything is built. */
export interface ObserverOptions {
  /** For reports and `executor.stats()`. Default: the kind of observer, such as `console`. */
  readonly name?: string | undefined
  /** The lowest level received, or rules by task name and tag. Default `info` (memory observer: `debug`). */
  readonly minLevel?: MinLevel | undefined
  /** Event types wanted whatever their level. */
  readonly types?: readonly EventType[] | undefined
  /** False leaves out everything but `task.log`. Default true. */
  readonly lifecycle?: boolean | undefined
}

/** The part of an observer that comes from {@link ObserverOptions}. */
export interface ObserverFilter {
  readonly name: string
  readonly minLevel: MinLevel
  readonly types?: readonly EventType[] | undefined
  readonly lifecycle?: boolean | undefined
}

/** The names of {@link ObserverOptions}. */
export const OBSERVER_OPTION_NAMES: readonly string[] = ['name', 'minLevel', 'types', 'lifecycle']

/**
 * Checks the common options; `where` begins the message, such as `consoleObserver: `.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong
 */
export function observerFilter(
  options: ObserverOptions,
  defaults: { readonly name: string; readonly minLevel: MinLevel },
  where: string,
): ObserverFilter {
  const { name = defaults.name, minLevel = defaults.minLevel, types, lifecycle } = options
  if (typeof name !== 'string' || name === '' || name.length > 200) {
    throw new InvalidOptionsError('name', 'a string of 1 to 200 characters', name, where)
  }
  reading('minLevel', where, () => checkMinLevel(minLevel, where))
  const list =
    types === undefined ? undefined : reading('types', where, () => checkTypes(types, where))
  if (lifecycle !== undefined && typeof lifecycle !== 'boolean') {
    throw new InvalidOptionsError('lifecycle', 'true or false', lifecycle, where)
  }
  return {
    name,
    minLevel,
    ...(list === undefined ? undefined : { types: list }),
    ...(lifecycle === undefined ? undefined : { lifecycle }),
  }
}

/**
 * The given options, each read once. Refuses what is not an object, and any option that is not among `known`.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the option, or `options` itself
 */
export function readOptions<Options extends object>(
  options: Options,
  known: readonly string[],
  where: string,
): Options {
  const fields = readFields(options, 'options', 'an object', where)
  for (const [key, value] of Object.entries(fields)) {
    if (known.includes(key)) continue
    const expected = `left out: the options are ${known.join(', ')}`
    throw new InvalidOptionsError(key, expected, value, where)
  }
  return fields as Options
}

/**
 * Checks a bound such as `max`: an integer from 1.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming it
 */
export function checkBound(option: string, value: unknown, where: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return
  throw new InvalidOptionsError(option, 'an integer from 1', value, where)
}

function checkMinLevel(minLevel: unknown, where: string): void {
  if (typeof minLevel !== 'object' || minLevel === null || Array.isArray(minLevel)) {
    checkLevel(minLevel, 'minLevel', where)
    return
  }
  for (const [rule, level] of Object.entries(minLevel)) {
    checkLevel(level, `minLevel[${JSON.stringify(rule)}]`, where)
  }
}

function checkLevel(level: unknown, option: string, where: string): void {
  try {
    parseLevel(level, option)
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error
    throw new InvalidOptionsError(option, error.expected, level, where)
  }
}

function checkTypes(types: unknown, where: string): readonly EventType[] {
  if (!Array.isArray(types)) {
    throw new InvalidOptionsError('types', 'a list of event types', types, where)
  }
  const list = [...(types as readonly unknown[])]
  for (const type of list) {
    if (typeof type === 'string' && Object.hasOwn(EVENT_LEVELS, type)) continue
    const expected = `event types such as "task.failed" (there is no ${describeValue(type)})`
    throw new InvalidOptionsError('types', expected, types, where)
  }
  return list as readonly EventType[]
}
