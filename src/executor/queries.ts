/** Reading records: one with its logs, and lists. */

import type { RecordQuery } from '../backends/backend.ts'
import { InvalidOptionsError, BackendUnavailableError } from '../task/errors.ts'
import { reading } from '../task/reading.ts'
import type { StoredRecord } from '../task/record.ts'
import { STATUSES, type Status } from '../task/status.ts'
import { TAG_LIMITS, stringMap } from '../task/tags.ts'
import { taskRecord, type TaskRecord } from '../task/task-record.ts'
import type { Core } from './core.ts'
import { callStore } from './persist.ts'
import { isResultOver, runOptionsOf } from './run-options.ts'

/** Filters of `executor.list`; all given ones must hold. */
export interface ListQuery {
  readonly status?: Status | readonly Status[] | undefined
  readonly name?: string | undefined
  readonly queue?: string | undefined
  /** Tags that the record has, with these values. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly parentId?: string | undefined
  /** Epoch milliseconds or a Date, exclusive. */
  readonly createdAfter?: number | Date | undefined
  readonly createdBefore?: number | Date | undefined
  /** From 1 to 200; default 50. */
  readonly limit?: number | undefined
  /** `cursor` of the page before. */
  readonly cursor?: string | undefined
  /** By insertion; default newest first. */
  readonly order?: 'newest' | 'oldest' | undefined
  /** Whether the log lines come along. Default false. */
  readonly logs?: boolean | undefined
}

/** One page of a list. */
export interface RecordPage {
  readonly records: readonly TaskRecord[]
  /** Pass it as `cursor` for the next page; `undefined` after the last. */
  readonly cursor: string | undefined
}

const WHERE = 'list: '
const NAMES = new Set([
  'status',
  'name',
  'queue',
  'tags',
  'parentId',
  'createdAfter',
  'createdBefore',
  'limit',
  'cursor',
  'order',
  'logs',
])

export async function getRecord(core: Core, id: string): Promise<TaskRecord | undefined> {
  if (typeof id !== 'string') throw new InvalidOptionsError('id', 'a string', id, 'get: ')
  const stored = await callStore(core, 'poll', 'get', () => core.backend.get(id))
  if (stored === undefined) return undefined
  return taskRecord(
    shown(core, stored),
    await callStore(core, 'poll', 'logs', () => core.backend.logs(id)),
  )
}

export async function listRecords(core: Core, query: ListQuery = {}): Promise<RecordPage> {
  const { queries } = core.backend
  if (queries === undefined) {
    throw new BackendUnavailableError(
      core.backend.name,
      'list',
      'unknown',
      'this backend has no queries',
    )
  }
  const checked = reading('query', WHERE, () => checkQuery(query))
  const withLogs = reading('logs', WHERE, () => query.logs === true)
  // One more than asked for tells whether there is another page.
  const found = await callStore(core, 'poll', 'list', () =>
    queries.list({ ...checked, limit: checked.limit + 1 }),
  )
  const page = found.slice(0, checked.limit)
  const records = await Promise.all(
    page.map(async (stored) =>
      withLogs
        ? taskRecord(
            shown(core, stored),
            await callStore(core, 'poll', 'logs', () => core.backend.logs(stored.spec.id)),
          )
        : taskRecord(shown(core, stored)),
    ),
  )
  const last = page.at(-1)
  return {
    records,
    cursor: found.length > page.length && last !== undefined ? `p${last.position}` : undefined,
  }
}

// A result past its time is gone for readers at once; the text itself goes with the record.
function shown(core: Core, stored: StoredRecord): StoredRecord {
  const { spec, state } = stored
  if (state.resultJson === undefined || !isResultOver(core, state, runOptionsOf(core, spec)))
    return stored
  return { ...stored, state: { ...state, resultJson: undefined } }
}

/** All children of a task, oldest first. */
export async function childrenOf(core: Core, parentId: string): Promise<TaskRecord[]> {
  const children: TaskRecord[] = []
  let cursor: string | undefined
  do {
    const page = await listRecords(core, {
      parentId,
      order: 'oldest',
      limit: 200,
      ...(cursor === undefined ? undefined : { cursor }),
    })
    children.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return children
}

function checkQuery(query: ListQuery): RecordQuery {
  if (typeof query !== 'object' || query === null || Array.isArray(query)) {
    throw new InvalidOptionsError('query', 'an object', query, WHERE)
  }
  for (const [key, value] of Object.entries(query)) {
    if (!NAMES.has(key))
      throw new InvalidOptionsError(key, 'left out: there is no such filter', value, WHERE)
  }
  const { limit = 50, order = 'newest', cursor } = query
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
    throw new InvalidOptionsError('limit', 'an integer from 1 to 200', limit, WHERE)
  }
  if (order !== 'newest' && order !== 'oldest') {
    throw new InvalidOptionsError('order', '"newest" or "oldest"', order, WHERE)
  }
  return {
    status: statusesOf(query.status),
    name: text(query.name, 'name'),
    queue: text(query.queue, 'queue'),
    tags: query.tags === undefined ? undefined : stringMap(query.tags, 'tags', TAG_LIMITS, WHERE),
    parentId: text(query.parentId, 'parentId'),
    createdAfter: instant(query.createdAfter, 'createdAfter'),
    createdBefore: instant(query.createdBefore, 'createdBefore'),
    limit,
    after: cursor === undefined ? undefined : positionOf(cursor),
    order,
  }
}

function statusesOf(value: unknown): readonly Status[] | undefined {
  if (value === undefined) return undefined
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const wrong = list.find((each) => !STATUSES.includes(each as Status))
  if (wrong !== undefined || list.length === 0) {
    throw new InvalidOptionsError(
      'status',
      `one or more of ${STATUSES.join(', ')}`,
      wrong ?? value,
      WHERE,
    )
  }
  return list as readonly Status[]
}

function text(value: unknown, option: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new InvalidOptionsError(option, 'a string', value, WHERE)
}

function instant(value: unknown, option: string): number | undefined {
  if (value === undefined) return undefined
  const time = value instanceof Date ? value.getTime() : value
  if (typeof time === 'number' && Number.isFinite(time)) return time
  throw new InvalidOptionsError(option, 'a valid Date or epoch milliseconds', value, WHERE)
}

function positionOf(cursor: unknown): number {
  const match = typeof cursor === 'string' ? /^p(\d{1,15})$/.exec(cursor) : null
  if (match === null)
    throw new InvalidOptionsError('cursor', 'the cursor of a page before', cursor, WHERE)
  return Number(match[1])
}
