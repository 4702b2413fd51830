/** Lists of attempts, out of the records that keep them. */

import type { RecordQueries, RecordQuery } from '../backends/backend.ts'
import { attemptSummary, type AttemptSummary } from '../task/attempt-summary.ts'
import { BackendUnavailableError, InvalidOptionsError } from '../task/errors.ts'
import { readFields, reading } from '../task/reading.ts'
import type { AttemptRecord, StoredRecord } from '../task/record.ts'
import { STATUSES, type Status } from '../task/status.ts'
import { TAG_LIMITS, stringMap } from '../task/tags.ts'
import { attemptsOf } from '../task/task-record.ts'
import type { Core } from './core.ts'
import { callStore } from './persist.ts'
import { instantOf, stringOf, wordsOf } from './query-fields.ts'

type AttemptOutcome = AttemptRecord['outcome']

/** Filters of `executor.listAttempts`; all given ones must hold. */
export interface AttemptQuery {
  /** Of the task. */
  readonly name?: string | undefined
  readonly queue?: string | undefined
  /** Tags that the record has, with these values. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** Of the record as it is now: the attempts of what failed, of what is being retried, … */
  readonly status?: Status | readonly Status[] | undefined
  /** Of the attempt; `running` for one that has not ended. */
  readonly outcome?: AttemptOutcome | readonly AttemptOutcome[] | undefined
  /** Of the attempt's error: the same failure at the same place. */
  readonly fingerprint?: string | undefined
  /** Started at this instant or later; epoch milliseconds or a Date. */
  readonly since?: number | Date | undefined
  /** Started before this instant. */
  readonly until?: number | Date | undefined
  /** From 1 to 200; default 50. */
  readonly limit?: number | undefined
  /** `cursor` of the page before. */
  readonly cursor?: string | undefined
}

/**
 * One page of attempts. As with `list`, where few of many match **a page can be short, or empty, and still have a
 * cursor**: go on until there is none.
 */
export interface AttemptPage {
  /** At most `limit`. */
  readonly attempts: readonly AttemptSummary[]
  /** Pass it as `cursor`, with the same filters, for the next page; `undefined` after the last. */
  readonly cursor: string | undefined
}

const WHERE = 'listAttempts: '
const NAMES: ReadonlySet<string> = new Set<keyof AttemptQuery>([
  'name',
  'queue',
  'tags',
  'status',
  'outcome',
  'fingerprint',
  'since',
  'until',
  'limit',
  'cursor',
])
const OUTCOMES: readonly AttemptOutcome[] = [
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'interrupted',
]
const MAX_LIMIT = 200
/** Calls of the store for one page: with a rare match among many records, the caller goes on. */
const MAX_CALLS = 10
/** Clocks of processes differ: a record may say that it was made after its first attempt began. */
const CLOCK_SLACK_MS = 60_000

interface Checked {
  readonly records: Omit<RecordQuery, 'limit' | 'after' | 'order'>
  readonly isMatch: (attempt: AttemptRecord) => boolean
  /** Whether attempts of matching records can be other than what is asked for. */
  readonly isPicky: boolean
  readonly limit: number
  readonly from: Cursor | undefined
}

/** Where a page begins: after the record at `position`, or within it, at the attempts before `attempt`. */
interface Cursor {
  readonly position: number
  readonly attempt: number
}

/**
 * The attempts of the newest records first, and of each record the latest first.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for a wrong filter
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when the store is away or has no queries
 */
export async function listAttempts(core: Core, query: AttemptQuery = {}): Promise<AttemptPage> {
  const { queries, name } = core.backend
  if (queries === undefined) {
    const message = 'this backend has no queries'
    throw new BackendUnavailableError(name, 'listAttempts', 'unknown', message)
  }
  return page(
    core,
    queries,
    reading('query', WHERE, () => checkQuery(query)),
  )
}

async function page(core: Core, queries: RecordQueries, checked: Checked): Promise<AttemptPage> {
  const { records, isMatch, isPicky, limit, from } = checked
  const attempts: AttemptSummary[] = []
  // A page that ended within a record begins with it again.
  let after = from === undefined || from.attempt === 0 ? from?.position : from.position + 1
  for (let calls = 0; calls < MAX_CALLS && attempts.length < limit; calls++) {
    const recordLimit = isPicky ? MAX_LIMIT : limit - attempts.length
    const recordQuery: RecordQuery = { ...records, limit: recordLimit, after, order: 'newest' }
    const found = await callStore(core, 'poll', 'list', () => queries.list(recordQuery))
    for (const stored of found.records) {
      for (const attempt of latestFirst(stored, from)) {
        if (!isMatch(attempt)) continue
        if (attempts.length === limit) {
          return { attempts, cursor: cursorAt(stored.position, attempt.attempt + 1) }
        }
        attempts.push(attemptSummary(stored.spec, stored.state, attempt))
      }
    }
    if (found.next === undefined) return { attempts, cursor: undefined }
    after = found.next
  }
  return { attempts, cursor: after === undefined ? undefined : cursorAt(after, 0) }
}

function latestFirst(stored: StoredRecord, from: Cursor | undefined): readonly AttemptRecord[] {
  const attempts = attemptsOf(stored.state).toReversed()
  if (from === undefined || stored.position !== from.position) return attempts
  return attempts.filter(({ attempt }) => attempt < from.attempt)
}

function checkQuery(given: unknown): Checked {
  // Each is read once: what was checked is what is asked for.
  const query = readFields(given, 'query', 'an object', WHERE)
  for (const [key, value] of Object.entries(query)) {
    if (!NAMES.has(key))
      throw new InvalidOptionsError(key, 'left out: there is no such filter', value, WHERE)
  }
  const { limit = 50, tags } = query
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > MAX_LIMIT) {
    throw new InvalidOptionsError('limit', `an integer from 1 to ${MAX_LIMIT}`, limit, WHERE)
  }
  const outcomes = wordsOf(query['outcome'], 'outcome', OUTCOMES, WHERE)
  const fingerprint = stringOf(query['fingerprint'], 'fingerprint', WHERE)
  const since = instantOf(query['since'], 'since', WHERE) ?? -Infinity
  const until = instantOf(query['until'], 'until', WHERE) ?? Infinity
  return {
    records: {
      name: stringOf(query['name'], 'name', WHERE),
      queue: stringOf(query['queue'], 'queue', WHERE),
      status: wordsOf(query['status'], 'status', STATUSES, WHERE),
      tags: tags === undefined ? undefined : stringMap(tags, 'tags', TAG_LIMITS, WHERE),
      createdBefore: until === Infinity ? undefined : until + CLOCK_SLACK_MS,
    },
    isMatch: ({ outcome, error, startedAt = -Infinity }) =>
      (outcomes === undefined || outcomes.includes(outcome)) &&
      (fingerprint === undefined || error?.fingerprint === fingerprint) &&
      startedAt >= since &&
      startedAt < until,
    isPicky:
      outcomes !== undefined ||
      fingerprint !== undefined ||
      since !== -Infinity ||
      until !== Infinity,
    limit: limit as number,
    from: query['cursor'] === undefined ? undefined : readCursor(query['cursor']),
  }
}

function cursorAt(position: number, attempt: number): string {
  return `a${position}.${attempt}`
}

function readCursor(cursor: unknown): Cursor {
  const match = typeof cursor === 'string' ? /^a(\d{1,15})\.(\d{1,9})$/.exec(cursor) : null
  if (match === null)
    throw new InvalidOptionsError('cursor', 'the cursor of a page before', cursor, WHERE)
  return { position: Number(match[1]), attempt: Number(match[2]) }
}
