/** Tags (short labels to find and group tasks by) and headers (free-form metadata): string to string, bounded. */

import { describeValue } from './describe.ts'
import { InvalidOptionsError } from './errors.ts'

/** Labels on a record, copied to every event of it. */
export type Tags = Readonly<Record<string, string>>

/** Free-form metadata beside the input, given to the body. */
export type Headers = Readonly<Record<string, string>>

/** Limits of a string map: entries, and characters per key and value. */
export interface StringMapLimits {
  readonly maxEntries: number
  readonly maxKeyLength: number
  readonly maxValueLength: number
}

export const TAG_LIMITS: StringMapLimits = { maxEntries: 32, maxKeyLength: 64, maxValueLength: 256 }
export const HEADER_LIMITS: StringMapLimits = {
  maxEntries: 64,
  maxKeyLength: 128,
  maxValueLength: 8_192,
}
/** Of a trace carrier: `traceparent`, `tracestate`, `baggage` and their like. */
export const CARRIER_LIMITS: StringMapLimits = {
  maxEntries: 16,
  maxKeyLength: 64,
  maxValueLength: 8_192,
}

export const EMPTY_MAP: Readonly<Record<string, string>> = Object.freeze({})

/**
 * A frozen copy of `value`, checked: own string keys, string values, within `limits`.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the entry and the limit
 */
export function stringMap(
  value: unknown,
  option: string,
  limits: StringMapLimits,
  where = '',
): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return EMPTY_MAP
  if (typeof value !== 'object' || !isPlain(value)) {
    throw new InvalidOptionsError(option, 'an object of strings', value, where)
  }
  const entries = entriesOf(value, option, where)
  if (entries.length === 0) return EMPTY_MAP
  if (entries.length > limits.maxEntries) {
    throw new InvalidOptionsError(
      option,
      `at most ${limits.maxEntries} entries`,
      entries.length,
      where,
    )
  }
  const copy: Record<string, string> = {}
  for (const [key, item] of entries) {
    // Assigning `__proto__` would set the copy's prototype instead of an entry.
    if (key.length === 0 || key.length > limits.maxKeyLength || key === '__proto__') {
      const expected = `keys of 1 to ${limits.maxKeyLength} characters, "__proto__" excepted`
      throw new InvalidOptionsError(option, expected, key, where)
    }
    if (typeof item !== 'string' || item.length > limits.maxValueLength) {
      const path = `${option}[${JSON.stringify(key)}]`
      throw new InvalidOptionsError(
        path,
        `a string of at most ${limits.maxValueLength} characters`,
        item,
        where,
      )
    }
    copy[key] = item
  }
  return Object.freeze(copy)
}

// A Map or fetch's Headers has entries that are no properties: taken for an object, it would be empty.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function entriesOf(value: object, option: string, where: string): [string, unknown][] {
  try {
    return Object.entries(value)
  } catch (error) {
    throw new InvalidOptionsError(option, 'an object of strings', describeValue(error), where)
  }
}
