/** Errors as plain data: what is stored, published and shown of an error, in every process alike. */

import { fnv1a } from './hash.ts'
import type { Json } from './json.ts'
import { clip, plainData } from './plain-data.ts'

const MAX_CAUSES = 5
const MAX_STACK = 8_192
const MAX_MESSAGE = 4_096

/** An error as data. `stack` and the rest are bounded; nothing in it refers to the original. */
export interface SerializedError {
  /** As the error names itself, or its class when it only inherits a name: `TypeError`. */
  readonly name: string
  readonly message: string
  /** `error.code`, when it is a string or a number. */
  readonly code?: string | number
  readonly stack?: string
  /** The error's own enumerable fields, as plain data; the `errors` of an AggregateError too. */
  readonly fields?: Readonly<Record<string, Json>>
  /** The chain of causes, at most five deep. */
  readonly cause?: SerializedError
  /**
   * The same for the same kind of failure at the same place: 16 hex digits over name, code, the message
   * with its numbers and ids blanked, and the first frame of the stack outside `node:`.
   */
  readonly fingerprint: string
}

/** Describes anything that was thrown. Never throws, whatever `thrown` is. */
export function serializeError(thrown: unknown): SerializedError {
  return serialize(thrown, 0)
}

function serialize(thrown: unknown, depth: number): SerializedError {
  const isObject = typeof thrown === 'object' && thrown !== null
  const name = isObject ? nameOf(thrown) : 'NonError'
  const message = clip(isObject ? textOf(thrown, 'message') : textFrom(thrown), MAX_MESSAGE)
  const code = isObject ? read(thrown, 'code') : undefined
  const stack = isObject ? textOf(thrown, 'stack') : ''
  const fields = isObject ? ownFields(thrown) : undefined
  const cause = isObject && depth < MAX_CAUSES ? read(thrown, 'cause') : undefined
  const knownCode = typeof code === 'string' || typeof code === 'number' ? { code } : undefined
  return Object.freeze({
    name: clip(name, 200),
    message,
    ...knownCode,
    ...(stack === '' ? undefined : { stack: clip(stack, MAX_STACK) }),
    ...(fields === undefined ? undefined : { fields }),
    ...(cause === undefined || cause === null ? undefined : { cause: serialize(cause, depth + 1) }),
    fingerprint: fingerprintOf(name, message, knownCode?.code, stack),
  })
}

function read(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}

function textOf(object: object, key: string): string {
  const value = read(object, key)
  return typeof value === 'string' ? value : ''
}

function textFrom(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'a value that cannot be shown'
  }
}

// A class that sets no name inherits its parent's: `class CardDeclined extends Error {}` is no "Error" to anybody.
function nameOf(object: object): string {
  const given = textOf(object, 'name')
  return (isNameOwn(object) ? given || classOf(object) : classOf(object) || given) || 'Error'
}

function isNameOwn(object: object): boolean {
  try {
    if (Object.hasOwn(object, 'name')) return true
    const prototype = Object.getPrototypeOf(object) as object | null
    return prototype !== null && Object.hasOwn(prototype, 'name')
  } catch {
    return true
  }
}

function classOf(object: object): string {
  try {
    const constructor = (object as { constructor?: { name?: unknown } }).constructor
    return typeof constructor?.name === 'string' ? constructor.name : ''
  } catch {
    return ''
  }
}

const STANDARD_FIELDS = new Set(['name', 'message', 'code', 'stack', 'cause'])

function ownFields(thrown: object): Readonly<Record<string, Json>> | undefined {
  try {
    const own: Record<string, unknown> = {}
    let some = false
    for (const key of Object.keys(thrown)) {
      if (STANDARD_FIELDS.has(key) || key === '__proto__') continue
      own[key] = read(thrown, key)
      some = true
    }
    if (thrown instanceof AggregateError && own['errors'] === undefined) {
      own['errors'] = thrown.errors
      some = true
    }
    if (!some) return undefined
    return plainData(own) as Readonly<Record<string, Json>>
  } catch {
    return undefined
  }
}

function fingerprintOf(
  name: string,
  message: string,
  code: string | number | undefined,
  stack: string,
): string {
  const kind = message.replace(/[0-9a-f]{8,}|\d+/gi, '#')
  return fnv1a(`${name}|${code ?? ''}|${kind}|${firstFrame(stack)}`)
}

// Line and column are left out: an edit above the throw must not make it another failure.
function firstFrame(stack: string): string {
  for (const line of stack.split('\n')) {
    const frame = line.trim()
    if (!frame.startsWith('at ') || frame.includes('node:')) continue
    return frame.replace(/:\d+:\d+\)?$/, '').replace(/\(?(?:file:\/\/)?\/.*\//, '')
  }
  return ''
}
