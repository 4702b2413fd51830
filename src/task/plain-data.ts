/** Turns any value into bounded, frozen JSON data: for what observers see of users' values. Never throws. */

import { describeValue } from './describe.ts'
import { copyFlat, type Json } from './json.ts'

const MAX_DEPTH = 8
const MAX_ENTRIES = 200
const MAX_STRING = 16_384
const ENTRY_COST = 8
/** Characters in all: what refers to one object a thousand ways is small, and its copy is not. */
const MAX_TOTAL = 262_144

/**
 * A deeply frozen JSON copy of `value`: at most 8 levels, 200 entries each, strings of 16 Ki characters, about
 * 256 Ki characters in all.
 *
 * What does not fit is replaced by a short description in brackets. Errors keep name, message, code and own fields;
 * Date becomes its ISO string, Map and Set become arrays, BigInt its digits.
 */
export function plainData(value: unknown): Json {
  return copy(value, 0, undefined)
}

/** As {@link plainData}, for an object of named fields; anything else becomes `{ value }`, nothing `undefined`. */
export function plainFields(value: unknown): Readonly<Record<string, Json>> | undefined {
  if (value === undefined || value === null) return undefined
  const data = copy(value, 0, undefined)
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) {
    return data as Readonly<Record<string, Json>>
  }
  return Object.freeze({ value: data })
}

/**
 * As {@link plainFields}, for the usual extra of a log line at half the price: a plain object of a few short values.
 * `undefined` for any other, and for what cannot be read.
 */
export function flatFields(value: unknown): Readonly<Record<string, Json>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    // Cheaper to ask for than the prototype. What says so falsely, by a property of its own, has one that is no JSON.
    if (value.constructor !== Object) return undefined
    const copy = copyFlat(value, MAX_STRING)
    return copy === undefined ? undefined : Object.freeze(copy)
  } catch {
    return undefined
  }
}

/** Cuts `text` at `max` characters, saying how many were left out. */
export function clip(text: string, max: number = MAX_STRING): string {
  return text.length <= max ? text : `${text.slice(0, max)}… [${text.length - max} more characters]`
}

function copy(value: unknown, depth: number, above: Above | undefined): Json {
  switch (typeof value) {
    case 'string':
      if (above !== undefined) above.budget.left -= Math.min(value.length, MAX_STRING)
      return clip(value)
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return value.toString().slice(0, 400)
    case 'object':
      if (value === null) return null
      try {
        return copyObject(value, depth, above)
      } catch {
        return '[unreadable]'
      }
    default:
      return `[${describeValue(value)}]`
  }
}

interface Above {
  readonly object: object
  readonly above: Above | undefined
  /** Characters left, of the whole copy. */
  readonly budget: { left: number }
}

function copyObject(object: object, depth: number, above: Above | undefined): Json {
  for (let outer = above; outer !== undefined; outer = outer.above) {
    if (outer.object === object) return '[circular]'
  }
  if (depth >= MAX_DEPTH) return `[${describeValue(object)}]`
  const here: Above = { object, above, budget: above?.budget ?? { left: MAX_TOTAL } }
  if (Array.isArray(object)) return copyList(object, depth, here)
  if (object instanceof Date) {
    return Number.isNaN(object.getTime()) ? 'Invalid Date' : object.toISOString()
  }
  if (object instanceof Map || object instanceof Set) return copyList(object, depth, here)
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer)
    return `[${object.byteLength} bytes]`
  if (object instanceof Error) return copyError(object, depth, here)
  const toJson: unknown = (object as { toJSON?: unknown }).toJSON
  if (typeof toJson === 'function') return copy(toJson.call(object), depth + 1, here)
  return copyEntries(object, depth, here, {})
}

function copyList(list: Iterable<unknown>, depth: number, here: Above): Json {
  const items: Json[] = []
  for (const item of list) {
    here.budget.left -= ENTRY_COST
    if (items.length >= MAX_ENTRIES || here.budget.left <= 0) {
      items.push('[more items left out]')
      break
    }
    items.push(copy(item, depth + 1, here))
  }
  return Object.freeze(items)
}

function copyError(error: Error, depth: number, here: Above): Json {
  const fields: Record<string, Json> = {
    name: clip(String(error.name)),
    message: clip(String(error.message)),
  }
  if (error.cause !== undefined) fields['cause'] = copy(error.cause, depth + 1, here)
  return copyEntries(error, depth, here, fields)
}

function copyEntries(object: object, depth: number, here: Above, into: Record<string, Json>): Json {
  let count = 0
  for (const key of Object.keys(object)) {
    here.budget.left -= ENTRY_COST + key.length
    if (count++ >= MAX_ENTRIES || here.budget.left <= 0) {
      into['…'] = '[more entries left out]'
      break
    }
    let item: unknown
    try {
      item = (object as Record<string, unknown>)[key]
    } catch {
      item = '[unreadable]'
    }
    if (item === undefined) continue
    const data = copy(item, depth + 1, here)
    if (key === '__proto__') {
      Object.defineProperty(into, key, { value: data, enumerable: true })
    } else {
      into[key] = data
    }
  }
  return Object.freeze(into)
}
