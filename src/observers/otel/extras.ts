/** What a user wrote beside a log line, as attributes: bounded, so that no record is lost to another's size. */

import type { AnyValue, Attributes } from '@opentelemetry/api'
import type { Json } from '../../task/json.ts'
import { clip } from '../../task/plain-data.ts'
import { isReserved } from './options.ts'
import { PREFIX } from './semconv.ts'

const MAX_KEYS = 64
const MAX_ITEMS = 100
const MAX_DEPTH = 5
const MAX_KEY_CHARACTERS = 128
const MAX_CHARACTERS = 4_096
const MAX_KNOWN_NAMES = 1_000

type Fields = Readonly<Record<string, Json>>

/** Adds `extra` to `attributes` under its own keys; one that means something already is put under `plainsight.extra.`. */
export function addExtra(attributes: Attributes, extra: Fields, flatten: boolean): void {
  const room = { keys: MAX_KEYS }
  for (const key of Object.keys(extra))
    add(attributes, extraNames.of(key), extra[key] as Json, flatten, room, 1)
}

/** Adds the bound request and task fields, as `plainsight.context.<key>`. */
export function addContext(attributes: Attributes, fields: Fields, flatten: boolean): void {
  const room = { keys: MAX_KEYS }
  for (const key of Object.keys(fields))
    add(attributes, contextNames.of(key), fields[key] as Json, flatten, room, 1)
}

const extraNames = createNames((key) => {
  const name = clip(key, MAX_KEY_CHARACTERS)
  return isReserved(name) || name === '__proto__' ? PREFIX.extra + name : name
})
const contextNames = createNames((key) => PREFIX.context + clip(key, MAX_KEY_CHARACTERS))

/** The attribute names of keys: a program writes the same few again and again. */
function createNames(make: (key: string) => string): { of(key: string): string } {
  const known = new Map<string, string>()
  return {
    of(key) {
      let name = known.get(key)
      if (name === undefined) {
        name = make(key)
        if (known.size < MAX_KNOWN_NAMES && key.length <= MAX_KEY_CHARACTERS) known.set(key, name)
      }
      return name
    },
  }
}

function add(
  attributes: Attributes,
  name: string,
  value: Json,
  flatten: boolean,
  room: { keys: number },
  depth: number,
): void {
  if (room.keys <= 0) return
  if (flatten && isMap(value) && depth < MAX_DEPTH) {
    for (const [key, item] of Object.entries(value)) {
      add(attributes, `${name}.${clip(key, MAX_KEY_CHARACTERS)}`, item, flatten, room, depth + 1)
    }
    return
  }
  room.keys -= 1
  attributes[name] = bounded(value, depth)
}

// Already plain data (the executor saw to that): what is left to do is to bound it.
function bounded(value: Json, depth: number): AnyValue {
  if (typeof value === 'string') return clip(value, MAX_CHARACTERS)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '[deeper values left out]'
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item: Json) => bounded(item, depth + 1))
    return value.length > MAX_ITEMS ? [...items, '[more items left out]'] : items
  }
  const map: Record<string, AnyValue> = {}
  let count = 0
  for (const [key, item] of Object.entries(value)) {
    if (count++ >= MAX_KEYS) {
      map['…'] = '[more entries left out]'
      break
    }
    // As an own key, `__proto__` would set the copy's prototype.
    if (key !== '__proto__') map[clip(key, MAX_KEY_CHARACTERS)] = bounded(item, depth + 1)
  }
  return map
}

function isMap(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
