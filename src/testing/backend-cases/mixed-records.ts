/** A store full of records of every kind, queries at random, and the plain way to answer them. */

import type { Backend, RecordQueries, RecordQuery } from '../../backends/backend.ts'
import type { StoredRecord } from '../../task/record.ts'
import { isTerminal, STATUSES, type Status } from '../../task/status.ts'
import { A, B, endOf, NOW, patchOf, specOf, stateOf } from './case.ts'

/** A choice among the items of a list, the same for the same seed. */
export type Choose = <T>(items: readonly T[]) => T

export function chooser(seed: number): Choose {
  let state = seed >>> 0
  return (items) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    const index = ((mixed ^ (mixed >>> 14)) >>> 0) % items.length
    return items[index] as (typeof items)[number]
  }
}

const NAMES = ['send-mail', 'make-pdf', 'send-mail-2', 'z']
const QUEUES = ['default', 'slow', 'Slow']
const PRIORITIES = [0, 0, 0, 5, -5, 1_000_000]
const LABELS = [
  undefined,
  undefined,
  'Mail to Ada',
  'ärger "quoted"',
  '100% \\ done_now',
  'NUL \u0000 in it',
]
const TAGS = [
  {},
  {},
  { plan: 'pro' },
  { plan: 'free' },
  { plan: 'pro', team: 'b' },
  { 'x","plan': 'pro' },
]
const MESSAGES = [
  'Connection refused',
  'cannot read "x"',
  'ENOENT: no such file',
  'Ärger mit K\u212a',
]
/** Clocks are set back: creation is not in the order of insertion. */
const AGES = [0, 0, 10, 20, 500, 3_600_000, -50]
const TEXTS = [
  'mail',
  'MAIL',
  'ada',
  '"',
  '\\',
  '%',
  '_',
  'ärger',
  'Ärger',
  'k',
  '\u0000',
  'plan',
  'pro',
  'type',
  'm7',
  'refused',
  'nowhere',
]

/** Inserts so many records of all statuses, and answers them as the store has them, oldest first. */
export async function fillMixed(
  backend: Backend,
  choose: Choose,
  count: number,
): Promise<StoredRecord[]> {
  await backend.open(A)
  await backend.open(B)
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const id = `m${index}`
    ids.push(id)
    const spec = specOf({
      id,
      name: choose(NAMES),
      queue: choose(QUEUES),
      priority: choose(PRIORITIES),
      label: choose(LABELS),
      tags: choose(TAGS),
      createdAt: NOW + index - choose(AGES),
      parentId: choose([undefined, undefined, 'm0', 'm1', 'elsewhere']),
      inputJson: JSON.stringify({ nowhere: 'x'.repeat(choose([1, 1, 1, 3_000])) }),
    })
    await insertAs(backend, choose, choose(STATUSES), spec)
  }
  const records: (StoredRecord | undefined)[] = []
  for (const id of ids) records.push(await backend.get(id))
  return records.filter((record) => record !== undefined)
}

async function insertAs(
  backend: Backend,
  choose: Choose,
  status: Status,
  spec: StoredRecord['spec'],
): Promise<void> {
  const owner = choose([A, B]).executorId
  const running = stateOf({ status: 'running', owner, fence: 1, starts: 1, startedAt: NOW })
  const dueAt = NOW + choose([0, 1, 1_000])
  if (isTerminal(status) || (status === 'retrying' && choose([true, false]))) {
    const [result] = await backend.insert([{ spec, state: running }])
    if (result?.type !== 'inserted') throw new Error(`${spec.id} was not inserted`)
    const stored = { spec, state: running, position: result.position }
    const error = {
      name: choose(['Error', 'TypeError']),
      message: choose(MESSAGES),
      stack: 'nowhere',
      fields: {},
      fingerprint: '0',
    }
    const failed = status === 'failed' || status === 'retrying' ? { error } : {}
    const end = isTerminal(status)
      ? endOf(stored, status, NOW + 5)
      : patchOf(stored, { status, owner: null, dueAt })
    await backend.update([{ ...end, state: { ...end.state, ...failed } }])
    return
  }
  const state =
    status === 'running'
      ? running
      : stateOf({
          status,
          dueAt,
          owner: choose([owner, null, null]),
          hold: choose([undefined, undefined, 'handler']),
        })
  await backend.insert([{ spec, state }])
}

/** Filters by chance, from none to all of them. */
export function someQuery(choose: Choose): RecordQuery {
  const maybe = <T>(items: readonly T[]): T | undefined =>
    choose([true, false, false]) ? choose(items) : undefined
  const statuses = [0, 1, 2, 3].slice(0, choose([1, 2, 4])).map(() => choose(STATUSES))
  return {
    status: choose([true, false]) ? statuses : undefined,
    name: maybe([...NAMES, 'none']),
    queue: maybe(QUEUES),
    tags: maybe([{}, { plan: 'pro' }, { plan: 'pro', team: 'b' }, { plan: 'none' }]),
    parentId: maybe(['m0', 'm1', 'nobody']),
    createdAfter: maybe([NOW, NOW + 60, NOW - 500]),
    createdBefore: maybe([NOW + 100, NOW + 60, NOW - 400]),
    text: maybe(TEXTS),
    limit: choose([1, 3, 10, 200]),
    order: choose(['newest', 'oldest']),
  }
}

/** What `records`, oldest first, has for the query, page after page. */
export function plainAnswer(records: readonly StoredRecord[], query: RecordQuery): StoredRecord[] {
  const { status, name, queue, tags = {}, parentId, createdAfter, createdBefore, text } = query
  const found = records.filter(({ spec, state }) => {
    if (status !== undefined && !status.includes(state.status)) return false
    if (name !== undefined && spec.name !== name) return false
    if (queue !== undefined && spec.queue !== queue) return false
    if (parentId !== undefined && spec.parentId !== parentId) return false
    if (createdAfter !== undefined && !(spec.createdAt > createdAfter)) return false
    if (createdBefore !== undefined && !(spec.createdAt < createdBefore)) return false
    if (Object.entries(tags).some(([key, value]) => spec.tags[key] !== value)) return false
    if (text === undefined) return true
    const { error } = state
    const texts = [spec.id, spec.name, spec.label, error?.name, error?.message]
    return [...texts, ...Object.values(spec.tags)].some(
      (each) => each !== undefined && hasText(each, text),
    )
  })
  return query.order === 'oldest' ? found : found.toReversed()
}

function hasText(value: string, text: string): boolean {
  const lower = (given: string): string => given.replace(/[A-Z]/g, (each) => each.toLowerCase())
  return lower(value).includes(lower(text))
}

/** All pages of a list, one after another. */
export async function pagesOf(
  queries: RecordQueries,
  query: RecordQuery,
): Promise<(readonly StoredRecord[])[]> {
  const pages: (readonly StoredRecord[])[] = []
  let { after } = query
  do {
    const { records, next } = await queries.list({ ...query, after })
    if (records.length > query.limit) {
      throw new Error(`a page of ${query.limit} has ${records.length} records`)
    }
    const isAhead = next === undefined || after === undefined || isBefore(after, next, query)
    if (!isAhead) throw new Error(`after ${after}, a list goes on at ${next}`)
    pages.push(records)
    after = next
  } while (after !== undefined)
  return pages
}

function isBefore(one: number, other: number, { order }: RecordQuery): boolean {
  return order === 'oldest' ? one < other : one > other
}
