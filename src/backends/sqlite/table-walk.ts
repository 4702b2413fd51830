/** Walking the table in order of position, some rows at a time. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SeqSpan } from './seq-stream.ts'

/** How far one step through the table leads. */
export interface Reach {
  readonly seq: number
  readonly rows: number
  /** Of their states and specs, where that was asked for. */
  readonly bytes: number
}

export interface TableWalk {
  /** Where the next `rows` rows of the span end; `undefined` when it has none. */
  reach(span: SeqSpan, rows: number, withBytes: boolean): Reach | undefined
}

export function createTableWalk(db: DatabaseSync): TableWalk {
  // The lengths are in the rows' heads: no text is read for them.
  const prepare = (end: 'max' | 'min', bytes: string): StatementSync =>
    db.prepare(`SELECT ${end}(seq) AS seq, count(*) AS rows, sum(bytes) AS bytes FROM (
      SELECT seq, ${bytes} AS bytes FROM tasks NOT INDEXED WHERE seq >= ? AND seq <= ?
      ORDER BY seq ${end === 'max' ? 'ASC' : 'DESC'} LIMIT ?)`)
  const lengths = 'octet_length(state) + coalesce(octet_length(spec), 0)'
  const statements = {
    oldest: { plain: prepare('max', '0'), withBytes: prepare('max', lengths) },
    newest: { plain: prepare('min', '0'), withBytes: prepare('min', lengths) },
  }
  return {
    reach({ low, high, order }, rows, withBytes) {
      const statement = statements[order][withBytes ? 'withBytes' : 'plain']
      const reach = statement.get(low, high, rows) as { seq: number | null }
      return reach.seq === null ? undefined : (reach as Reach)
    },
  }
}
