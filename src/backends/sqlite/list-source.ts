/** Where a list finds positions that may match: in the table itself, or in the index that has the fewest. */

import type { DatabaseSync } from 'node:sqlite'
import type { RecordQuery } from '../backend.ts'
import { createIndexRanges, type IndexRanges } from './index-ranges.ts'
import type { ListFilter } from './list-filter.ts'
import { spanAfter, type SeqSpan, type SeqStream } from './seq-stream.ts'
import { createTableWalk } from './table-walk.ts'

/** A part of what there is to look at. */
export interface Step {
  /** Those that match, in order; as many as were asked for, when there are so many. */
  readonly seqs: readonly number[]
  /** With fewer than were asked for, all up to and with this position have been looked at. */
  readonly reached: number
  /** In tenths of a microsecond, about. */
  readonly cost: number
}

/** What a list looks for. */
export interface Search {
  readonly query: RecordQuery
  readonly filter: ListFilter
  /** At most so many matches are wanted of a step. */
  readonly count: number
}

/** Goes through the span, step by step. Runs in a transaction. */
export type ListSource = (search: Search, span: SeqSpan) => Iterable<Step>

const COST = {
  /** A row that is passed by. */
  row: 3,
  /** One whose texts are searched, and each byte of them. */
  searchedRow: 4,
  searchedByte: 0.012,
  /** A position that an index gave, looked up in the table; and one whose texts are searched. */
  candidate: 15,
  searchedCandidate: 32,
}
/** How much is done at a time; tests do less. */
export interface ListLimits {
  /** What one call may spend, in tenths of a microsecond, about: it ends with the step in which that is used up. */
  readonly budget: number
  /** So many rows are walked before an index is asked: where most match, they make the page. */
  readonly firstRows: number
  /** Rows per step, and when their texts are searched. */
  readonly rows: number
  readonly searchedRows: number
  /** Positions of an index per step. */
  readonly candidates: number
  /** So many positions tell how far apart those of an index are. */
  readonly probed: number
  /** From the point where the table is walked past so many rows in the time that one position of an index takes. */
  readonly rowsPerCandidate: number
}

export const LIST_LIMITS: ListLimits = {
  budget: 120_000,
  firstRows: 1_000,
  rows: 10_000,
  searchedRows: 500,
  candidates: 500,
  probed: 64,
  rowsPerCandidate: COST.candidate / COST.row,
}

interface Candidates {
  readonly stream: SeqStream
  /** Taken already. */
  readonly first: readonly number[]
  /** How far those lie apart: the further, the fewer there are. */
  readonly width: number
  /** How far the last of them is away. */
  readonly distance: number
}

export function createListSource(db: DatabaseSync, limits: ListLimits): ListSource {
  const table = createTableWalk(db)
  let ranges: IndexRanges | undefined

  function* walk({ query, filter, count }: Search, whole: SeqSpan, rows: number): Generator<Step> {
    const isSearched = query.text !== undefined
    for (let span = whole; ;) {
      const reach = table.reach(span, rows, isSearched)
      if (reach === undefined) return
      const { seq: reached } = reach
      const cost = isSearched
        ? reach.rows * COST.searchedRow + reach.bytes * COST.searchedByte
        : reach.rows * COST.row
      const part = span.order === 'oldest' ? { ...span, high: reached } : { ...span, low: reached }
      yield { seqs: filter.within(part, count), reached, cost }
      span = spanAfter(span, reached)
    }
  }

  function* follow(
    { query, filter, count }: Search,
    { stream, first }: Candidates,
  ): Generator<Step> {
    const each = query.text === undefined ? COST.candidate : COST.searchedCandidate
    for (let seqs = first; ; seqs = stream.take(limits.candidates)) {
      const reached = seqs.at(-1)
      if (reached === undefined) return
      const cost = seqs.length * each
      yield { seqs: filter.among(seqs, count), reached, cost }
    }
  }

  /** The index range with the fewest positions from here on, if that is better than the table. */
  function sparsest(search: Search, span: SeqSpan): Candidates | undefined {
    let best: Candidates | undefined
    for (const stream of streamsFor(search, span)) {
      const first = stream.take(limits.probed)
      const isAll = first.length < limits.probed
      const start = span.order === 'oldest' ? span.low : span.high
      const [nearest = start] = first
      const last = first.at(-1) ?? start
      const width = isAll ? Infinity : Math.abs(last - nearest)
      const distance = isAll ? Infinity : Math.abs(last - start)
      if (best === undefined || width > best.width) best = { stream, first, width, distance }
      if (isAll) break
    }
    const rows = limits.probed * limits.rowsPerCandidate
    return best !== undefined && best.distance > rows ? best : undefined
  }

  function* streamsFor({ query, filter }: Search, span: SeqSpan): Generator<SeqStream> {
    ranges ??= createIndexRanges(db)
    if (query.parentId !== undefined) yield ranges.parent(query.parentId, span)
    for (const [key, value] of Object.entries(query.tags ?? {})) yield ranges.tag(key, value, span)
    // Last: many ranges to begin with.
    if (query.status === undefined && query.name === undefined && query.queue === undefined) return
    const kinds = ranges.kinds(query, span, (seqs) => filter.among(seqs, -1))
    if (kinds !== undefined) yield kinds
  }

  return function* (search, span) {
    const { query } = search
    const rows = query.text === undefined ? limits.rows : limits.searchedRows
    for (const step of walk(search, span, Math.min(limits.firstRows, rows))) {
      yield step
      const rest = spanAfter(span, step.reached)
      const candidates = sparsest(search, rest)
      yield* candidates === undefined ? walk(search, rest, rows) : follow(search, candidates)
      return
    }
  }
}
