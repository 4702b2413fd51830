/** Checks of the filters of a query. */

import { InvalidOptionsError } from '../task/errors.ts'

/** @throws {InvalidOptionsError} INVALID_OPTIONS for anything but a string */
export function stringOf(value: unknown, option: string, where: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new InvalidOptionsError(option, 'a string', value, where)
}

/** @throws {InvalidOptionsError} INVALID_OPTIONS for anything but a valid Date or finite epoch milliseconds */
export function instantOf(value: unknown, option: string, where: string): number | undefined {
  if (value === undefined) return undefined
  const time = value instanceof Date ? value.getTime() : value
  if (typeof time === 'number' && Number.isFinite(time)) return time
  throw new InvalidOptionsError(option, 'a valid Date or epoch milliseconds', value, where)
}

/**
 * One of some words, or a list of them, as a list.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for another word, and for an empty list
 */
export function wordsOf<Word extends string>(
  value: unknown,
  option: string,
  words: readonly Word[],
  where: string,
): readonly Word[] | undefined {
  if (value === undefined) return undefined
  const list: readonly unknown[] = Array.isArray(value) ? Array.from<unknown>(value) : [value]
  const wrong = list.findIndex((each) => !words.includes(each as Word))
  if (wrong === -1 && list.length > 0) return [...new Set(list as readonly Word[])]
  const got = wrong === -1 ? value : list[wrong]
  throw new InvalidOptionsError(option, `one or more of ${words.join(', ')}`, got, where)
}
