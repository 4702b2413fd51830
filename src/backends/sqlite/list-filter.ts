/** The filters of a list, as SQL that is held against rows: exact, whichever way the rows were found. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { RecordQuery } from '../backend.ts'
import type { SeqSpan } from './seq-stream.ts'
import { tagText } from '../spec-text.ts'
import { statusNumber } from '../state-text.ts'

export interface ListFilter {
  /** Which of these positions match, in the order of the query, at most `count`; all for −1. */
  among(seqs: readonly number[], count: number): readonly number[]
  /** Which positions in the span match. */
  within(span: SeqSpan, count: number): readonly number[]
}

interface Condition {
  readonly sql: string
  readonly values: readonly SQLInputValue[]
}

/** Larger states and specs are read whole in any case, one by one: here it would be one call for many of them. */
const MAX_SEARCHED_BYTES = 16_384
/** Text that stands in JSON as it is: nothing in it is ever escaped. */
const PLAIN_TEXT = /^[\p{L}\p{N} !#$%&'()*+,./:;<=>?@[\]^_`{|}~-]+$/u

/** With `text`, what the SQL finds is only what may match. */
export function createListFilter(db: DatabaseSync, query: RecordQuery): ListFilter {
  const conditions = conditionsOf(query)
  const values = conditions.flatMap((condition) => condition.values)
  const where = conditions.map(({ sql }) => ` AND (${sql})`).join('')
  const order = `ORDER BY seq ${query.order === 'oldest' ? 'ASC' : 'DESC'} LIMIT ?`
  let among: StatementSync | undefined
  let within: StatementSync | undefined
  return {
    among(seqs, count) {
      among ??= db.prepare(`SELECT seq FROM tasks NOT INDEXED
        WHERE seq IN (SELECT value FROM json_each(?))${where} ${order}`)
      return seqsOf(among.all(JSON.stringify(seqs), ...values, count))
    },
    within({ low, high }, count) {
      within ??= db.prepare(
        `SELECT seq FROM tasks NOT INDEXED WHERE seq >= ? AND seq <= ?${where} ${order}`,
      )
      return seqsOf(within.all(low, high, ...values, count))
    },
  }
}

function conditionsOf(query: RecordQuery): readonly Condition[] {
  const conditions: Condition[] = []
  const add = (sql: string, ...values: readonly SQLInputValue[]): void => {
    conditions.push({ sql, values })
  }
  if (query.status !== undefined) {
    const bits = new Set(query.status.map((status) => 1 << statusNumber(status)))
    add(
      '(? >> status) & 1',
      [...bits].reduce((sum, bit) => sum + bit, 0),
    )
  }
  // Before what lies further back in a row.
  if (query.name !== undefined) add('name = ?', query.name)
  if (query.queue !== undefined) add('queue = ?', query.queue)
  if (query.parentId !== undefined) add('parent_id = ?', query.parentId)
  if (query.createdAfter !== undefined) add('created_at > ?', query.createdAfter)
  if (query.createdBefore !== undefined) add('created_at < ?', query.createdBefore)
  for (const [key, value] of Object.entries(query.tags ?? {})) {
    // The entry as JSON.stringify wrote it. With what goes before an entry it can only be one: in a string, the quotes
    // would be escaped. SQLite's own JSON functions would not compare NUL and lone surrogates.
    const entry = tagText(key, value)
    add('instr(tags, ?) OR instr(tags, ?)', `{${entry}`, `,${entry}`)
  }
  if (query.text !== undefined && query.text.length <= 1_000 && PLAIN_TEXT.test(query.text)) {
    // LIKE knows the case of ASCII letters only, which is what is asked for.
    const pattern = `%${query.text.replace(/[%_\\]/g, String.raw`\$&`)}%`
    const columns = ['id', 'name', 'tags', 'spec', 'state']
    const likes = columns.map((column) => `${column} LIKE ? ESCAPE '\\'`).join(' OR ')
    const isLarge = `spec IS NULL OR octet_length(state) > ${MAX_SEARCHED_BYTES}`
    add(`${isLarge} OR ${likes}`, ...columns.map(() => pattern))
  }
  return conditions
}

function seqsOf(rows: unknown): readonly number[] {
  return (rows as readonly { readonly seq: number }[]).map(({ seq }) => seq)
}
