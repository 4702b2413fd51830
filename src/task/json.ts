/** What JSON keeps: the type of a value after a round trip, and the check that a value survives one unchanged. */

import { describeValue } from './describe.ts'
import { NotSerializableError } from './errors.ts'

/** A value that JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** What `T` is after `JSON.parse(JSON.stringify(value))`: dates are strings, functions and symbols are gone. */
export type Jsonify<T> = unknown extends T
  ? any // eslint-disable-line typescript/no-explicit-any -- an unknown output stays open, as from JSON.parse
  : [T] extends [Json]
    ? T // also the end of the recursion where T is recursive itself
    : T extends { toJSON(): infer R }
      ? Jsonify<R>
      : T extends null | boolean | number | string
        ? T
        : T extends undefined | void
          ? undefined
          : T extends bigint | symbol | ((...args: never[]) => unknown)
            ? never
            : T extends readonly unknown[]
              ? { [K in keyof T]: T[K] extends undefined ? null : Jsonify<T[K]> }
              : T extends object
                ? {
                    [
                      K in keyof T as K extends symbol
                        ? never
                        : T[K] extends JsonDropped
                          ? never
                          : K
                    ]: Jsonify<{} extends Pick<T, K> ? Exclude<T[K], undefined> : T[K]>
                  }
                : never

type JsonDropped = symbol | undefined | ((...args: never[]) => unknown)

/** Nesting beyond this is refused: `JSON.stringify` and most readers recurse. */
export const MAX_JSON_DEPTH = 1_000

const ADVICE = 'pass it as a string or a number'

/**
 * The JSON text of `value`; `undefined` for `undefined`.
 *
 * Refuses what JSON would change or drop: Date, Map, Set, class instances, BigInt, NaN, Infinity,
 * functions, symbols, `undefined` inside arrays, cycles. A property whose value is `undefined` is left out,
 * and `-0` is stored as `0`, as JSON does.
 * @throws {NotSerializableError} NOT_SERIALIZABLE naming the path
 */
export function stringifyStrict(value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined
  try {
    const problem = findProblem(value, 0)
    if (problem !== undefined) {
      throw new NotSerializableError(what, problem.path, problem.got, problem.advice)
    }
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof NotSerializableError) throw error
    throw new NotSerializableError(what, '', 'a value that cannot be read', describeError(error))
  }
}

// In a loop over the keys V8 leaves this call out, but not `Object.hasOwn`.
const { hasOwnProperty: hasOwn } = Object.prototype

/** An object with more properties is not worth a quick look. */
const MAX_FLAT = 32

/**
 * What `JSON.parse(JSON.stringify(value))` would be, for a plain object of strings, numbers, booleans and nulls: the usual
 * input, at a fraction of the price. `undefined` for anything else, and for what JSON would refuse or change.
 */
export function flatCopy(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return isPlain(value) ? copyFlat(value, Infinity) : undefined
  } catch {
    return undefined
  }
}

/**
 * The own properties of `object`, where all are strings, finite numbers, booleans and nulls, with at most `room` characters
 * in keys and strings together; `undefined` for anything else, and for what has a JSON of its own.
 *
 * @throws whatever reading the object throws
 */
export function copyFlat(object: object, room: number): Record<string, Json> | undefined {
  if (Array.isArray(object) || 'toJSON' in object) return undefined
  const copy: Record<string, Json> = {}
  let count = 0
  let left = room
  for (const key in object) {
    const item = (object as Record<string, unknown>)[key]
    left -= key.length
    // Assigned, `__proto__` would be the prototype; an inherited property is none to JSON.
    if (++count > MAX_FLAT || left < 0 || key === '__proto__' || !hasOwn.call(object, key))
      return undefined
    if (typeof item === 'number') {
      if (!Number.isFinite(item)) return undefined
      // As in JSON, which has no -0.
      copy[key] = item + 0
    } else if (typeof item === 'string') {
      left -= item.length
      copy[key] = item
    } else if (typeof item === 'boolean' || item === null) {
      copy[key] = item
    } else if (item !== undefined) {
      return undefined
    }
  }
  return left >= 0 ? copy : undefined
}

/** A copy of `value` through JSON; `value` itself when JSON would change it. */
export function jsonCopy(value: unknown): unknown {
  try {
    const text = stringifyStrict(value, '')
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return value
  }
}

function describeError(error: unknown): string {
  try {
    return error instanceof Error ? error.message.slice(0, 200) : describeValue(error)
  } catch {
    return 'reading it throws'
  }
}

interface Problem {
  path: string
  got: string
  advice: string
}

// The path is put together on the way back, so a clean value costs no strings. Depth bounds cycles too.
function findProblem(value: unknown, depth: number): Problem | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : problem(describeValue(value))
    case 'object':
      if (value === null) return undefined
      if (depth > MAX_JSON_DEPTH) {
        return {
          path: '',
          got: `a cycle, or nesting deeper than ${MAX_JSON_DEPTH}`,
          advice: 'store a flat value, and refer to others by id',
        }
      }
      return Array.isArray(value) ? inArray(value, depth + 1) : inObject(value, depth + 1)
    default:
      return problem(describeValue(value))
  }
}

function problem(got: string): Problem {
  return { path: '', got, advice: ADVICE }
}

function inArray(array: readonly unknown[], depth: number): Problem | undefined {
  if ('toJSON' in array) return problem(describeValue(array))
  for (let index = 0; index < array.length; index++) {
    const found = findProblem(array[index], depth)
    if (found !== undefined) return within(`[${index}]`, found)
  }
  return undefined
}

function inObject(object: object, depth: number): Problem | undefined {
  if (!isPlain(object)) return problem(describeValue(object))
  for (const key in object) {
    const item = (object as Record<string, unknown>)[key]
    if (item === undefined) continue
    const found = findProblem(item, depth)
    if (found !== undefined) return within(key, found)
  }
  return undefined
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  // A prototype without a parent is some realm's Object.prototype: test runners have several.
  return (
    prototype === Object.prototype ||
    prototype === null ||
    Object.getPrototypeOf(prototype) === null
  )
}

function within(step: string, inner: Problem): Problem {
  const dot = inner.path === '' || inner.path.startsWith('[') ? '' : '.'
  // A cycle's path would repeat for ever: keep its beginning.
  inner.path = inner.path.length > 200 ? `${step}…` : `${step}${dot}${inner.path}`
  return inner
}

/** The JSON text of `value` as JSON makes it (Date becomes a string), for outputs. Throws what `JSON.stringify` throws. */
export function stringifyLoose(value: unknown): string | undefined {
  // `JSON.stringify` answers undefined for undefined, functions and symbols, whatever its type says.
  return value === undefined ? undefined : JSON.stringify(value)
}

/** The length of `text` in UTF-8, without node:buffer; JSON is mostly ASCII, where it is the length. */
export function byteLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
