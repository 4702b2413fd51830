/** Reading records: one with its logs, and lists. */

import type { RecordQuery } from '../backends/backend.ts'
import { InvalidOptionsError, BackendUnavailableError } from '../task/errors.ts'
import { readFields, reading } from '../task/reading.ts'
import type { StoredRecord } from '../task/record.ts'
import { STATUSES, type Status } from '../task/status.ts'
import { TAG_LIMITS, stringMap } from '../task/tags.ts'
import { taskRecord, type TaskRecord } from '../task/task-record.ts'
import type { Core } from './core.ts'
import { callStore } from './persist.ts'
import { instantOf, stringOf, wordsOf } from './query-fields.ts'
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
  /**
   * Text from 1 to 200 characters that the id, name, label, a tag's value, or the error's name or message contains,
   * whatever the case of the letters A to Z. There is no index for it: with nothing else given, all records are looked
   * at, some at a time.
   */
  readonly text?: string | undefined
  /** From 1 to 200; default 50. */
  readonly limit?: number | undefined
  /** `cursor` of the page before. */
  readonly cursor?: string | undefined
  /** By insertion; default newest first. */
  readonly order?: 'newest' | 'oldest' | undefined
  /** Whether the log lines come along. Default false. */
  readonly logs?: boolean | undefined
}

/**
 * One page of a list.
 *
 * The store looks at a bounded number of records for each page, so that a list never stalls the tasks. So where few
 * of many records match, **a page can be short, or empty, and still have a cursor**: go on until there is none.
 */
export interface RecordPage {
  /** At most `limit`. */
  readonly records: readonly TaskRecord[]
  /**
   * Pass it as `cursor`, with the same filters and order, for the next page; `undefined` after the last. It stays good
   * while records come and go: one that was there all the time, and matched, is on one page, and on one only.
   */
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
  'text',
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
  const { withLogs, ...filters } = reading('query', WHERE, () => checkQuery(query))
  const found = await callStore(core, 'poll', 'list', () => queries.list(filters))
  const records = await Promise.all(
    found.records.map(async (stored) =>
      withLogs
        ? taskRecord(
            shown(core, stored),
            await callStore(core, 'poll', 'logs', () => core.backend.logs(stored.spec.id)),
          )
        : taskRecord(shown(core, stored)),
    ),
  )
  return { records, cursor: found.next === undefined ? undefined : `p${found.next}` }
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

interface CheckedQuery extends RecordQuery {
  readonly withLogs: boolean
}

function checkQuery(given: unknown): CheckedQuery {
  // Each is read once: what was checked is what is asked for.
  const query = readFields(given, 'query', 'an object', WHERE)
  for (const [key, value] of Object.entries(query)) {
    if (!NAMES.has(key))
      throw new InvalidOptionsError(key, 'left out: there is no such filter', value, WHERE)
  }
  const { limit = 50, order = 'newest', cursor, logs, tags } = query
  if (!isLimit(limit)) {
    throw new InvalidOptionsError('limit', 'an integer from 1 to 200', limit, WHERE)
  }
  if (order !== 'newest' && order !== 'oldest') {
    throw new InvalidOptionsError('order', '"newest" or "oldest"', order, WHERE)
  }
  if (logs !== undefined && typeof logs !== 'boolean') {
    throw new InvalidOptionsError('logs', 'true or false', logs, WHERE)
  }
  return {
    status: wordsOf(query['status'], 'status', STATUSES, WHERE),
    name: stringOf(query['name'], 'name', WHERE),
    queue: stringOf(query['queue'], 'queue', WHERE),
    tags: tags === undefined ? undefined : stringMap(tags, 'tags', TAG_LIMITS, WHERE),
    parentId: stringOf(query['parentId'], 'parentId', WHERE),
    createdAfter: instantOf(query['createdAfter'], 'createdAfter', WHERE),
    createdBefore: instantOf(query['createdBefore'], 'createdBefore', WHERE),
    text: textOf(query['text']),
    limit,
    after: cursor === undefined ? undefined : positionOf(cursor),
    order,
    withLogs: logs === true,
  }
}

function isLimit(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 200
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && value.length >= 1 && value.length <= 200) return value
  throw new InvalidOptionsError('text', 'a string of 1 to 200 characters', value, WHERE)
}

function positionOf(cursor: unknown): number {
  const match = typeof cursor === 'string' ? /^p(\d{1,15})$/.exec(cursor) : null
  if (match === null)
    throw new InvalidOptionsError('cursor', 'the cursor of a page before', cursor, WHERE)
  return Number(match[1])
}
