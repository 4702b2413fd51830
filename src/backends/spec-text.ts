/** A spec as text: one line of JSON with what has no column, then the input as it came, so that it is not escaped twice. */

import type { ContextFields, TaskSource, TaskSpec, TraceContext } from '../task/record.ts'
import type { StoredOptions } from '../task/options.ts'
import { EMPTY_MAP, type Headers, type Tags } from '../task/tags.ts'

/** The columns that hold the rest of a spec. */
export interface SpecColumns {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly priority: number
  readonly created_at: number
  readonly parent_id: string | null
  readonly tags: string | null
}

interface Head {
  readonly label?: string
  readonly source?: TaskSource
  readonly headers?: Headers
  readonly expiresAt?: number
  readonly retries?: number | 'Infinity'
  readonly requeueOnInterrupt?: true
  readonly shield?: true
  readonly rootId?: string
  readonly retryOf?: string
  readonly idempotencyKey?: string
  readonly traceContext?: TraceContext
  readonly context?: ContextFields
  readonly options?: StoredOptions
  /** Where `options` holds Infinity, which JSON has not. */
  readonly infinite?: readonly (readonly string[])[]
  readonly localOptions?: readonly string[]
}

// By hand: most specs have two or three of these, and an object made for JSON.stringify costs more than its text.
export function specText(spec: TaskSpec): string {
  let text = ''
  if (spec.retries !== 0) {
    text += spec.retries === Infinity ? ',"retries":"Infinity"' : `,"retries":${spec.retries}`
  }
  if (spec.requeueOnInterrupt) text += ',"requeueOnInterrupt":true'
  if (spec.shield) text += ',"shield":true'
  if (spec.source !== 'api') text += `,"source":"${spec.source}"`
  if (spec.rootId !== spec.id) text += `,"rootId":${JSON.stringify(spec.rootId)}`
  if (spec.expiresAt !== undefined) text += `,"expiresAt":${spec.expiresAt}`
  if (spec.label !== undefined) text += `,"label":${JSON.stringify(spec.label)}`
  if (spec.retryOf !== undefined) text += `,"retryOf":${JSON.stringify(spec.retryOf)}`
  if (spec.idempotencyKey !== undefined)
    text += `,"idempotencyKey":${JSON.stringify(spec.idempotencyKey)}`
  if (spec.headers !== EMPTY_MAP) text += `,"headers":${JSON.stringify(spec.headers)}`
  if (spec.traceContext !== undefined)
    text += `,"traceContext":${JSON.stringify(spec.traceContext)}`
  if (spec.context !== undefined) text += `,"context":${JSON.stringify(spec.context)}`
  if (spec.options !== undefined) text += optionsText(spec.options)
  if (spec.localOptions !== undefined)
    text += `,"localOptions":${JSON.stringify(spec.localOptions)}`
  const head = text === '' ? '{}' : `{${text.slice(1)}}`
  return spec.inputJson === undefined ? head : `${head}\n${storable(spec.inputJson)}`
}

/** The text of tags; null when there are none. */
export function tagsText(tags: Tags): string | null {
  if (tags === EMPTY_MAP) return null
  const text = JSON.stringify(tags)
  return text === '{}' ? null : text
}

/** One tag as it stands in the text of tags, and in the table of them. */
export function tagText(key: string, value: string): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`
}

export function specFrom(columns: SpecColumns, text: string): TaskSpec {
  const [headText, inputJson] = splitText(text)
  const head = headFrom<Head>(headText)
  const { options, infinite } = head
  for (const path of infinite ?? []) setInfinite(options as Record<string, unknown>, path)
  return {
    id: columns.id,
    name: columns.name,
    label: head.label,
    queue: columns.queue,
    priority: columns.priority,
    source: head.source ?? 'api',
    tags: columns.tags === null ? EMPTY_MAP : headFrom<Tags>(columns.tags),
    headers: head.headers ?? EMPTY_MAP,
    inputJson,
    createdAt: columns.created_at,
    expiresAt: head.expiresAt,
    retries: head.retries === 'Infinity' ? Infinity : (head.retries ?? 0),
    requeueOnInterrupt: head.requeueOnInterrupt ?? false,
    shield: head.shield ?? false,
    parentId: columns.parent_id ?? undefined,
    rootId: head.rootId ?? columns.id,
    retryOf: head.retryOf,
    idempotencyKey: head.idempotencyKey,
    traceContext: head.traceContext,
    context: head.context,
    options,
    localOptions: head.localOptions,
  }
}

/** The first line of a text as the object it has to be; throws for anything else. */
export function headFrom<Head extends object>(text: string): Head {
  const head = JSON.parse(text) as unknown
  if (typeof head === 'object' && head !== null && !Array.isArray(head)) return head as Head
  throw new SyntaxError('not an object')
}

/** The first line, and what follows it. */
export function splitText(text: string): readonly [head: string, body: string | undefined] {
  const end = text.indexOf('\n')
  return end === -1 ? [text, undefined] : [text.slice(0, end), text.slice(end + 1)]
}

/** JSON text without the two things that SQLite would change; `JSON.stringify` makes neither, others might. */
export function storable(json: string): string {
  // In every Node that this runs on, if not in this compiler's library.
  const isWellFormed = (json as string & { isWellFormed(): boolean }).isWellFormed()
  if (isWellFormed && !json.includes('\0')) return json
  return json.replace(/\0|\p{Surrogate}/gu, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function optionsText(options: StoredOptions): string {
  const infinite: string[][] = []
  findInfinite(options, [], infinite)
  const text = `,"options":${JSON.stringify(options)}`
  return infinite.length === 0 ? text : `${text},"infinite":${JSON.stringify(infinite)}`
}

function findInfinite(value: unknown, path: readonly string[], found: string[][]): void {
  if (value === Infinity) found.push([...path])
  if (typeof value !== 'object' || value === null || path.length > 4) return
  for (const [key, item] of Object.entries(value)) findInfinite(item, [...path, key], found)
}

function setInfinite(options: Record<string, unknown>, path: readonly string[]): void {
  let holder = options
  for (const key of path.slice(0, -1)) holder = holder[key] as Record<string, unknown>
  holder[path.at(-1) ?? ''] = Infinity
}
