/** Finished rows in the order in which they ended: a list through the rows themselves, so that an end allocates nothing. */

import type { Row } from './row.ts'

export interface FinishedRows {
  readonly size: number
  add(row: Row): void
  /** Takes the first row out if it ended before `endedBefore`, or if there are more than `maxFinished`. */
  shift(endedBefore: number, maxFinished: number): Row | undefined
}

export function createFinishedRows(): FinishedRows {
  let first: Row | undefined
  let last: Row | undefined
  let size = 0

  return {
    get size() {
      return size
    },
    add(row) {
      size += 1
      if (last === undefined) {
        first = last = row
      } else if (endOf(last) <= endOf(row)) {
        last.nextFinished = row
        last = row
      } else {
        first = insertSorted(first as Row, row)
      }
    },
    shift(endedBefore, maxFinished) {
      const row = first
      if (row === undefined || (size <= maxFinished && endOf(row) >= endedBefore)) return undefined
      first = row.nextFinished
      if (first === undefined) last = undefined
      // A dead old row that points at a young one would carry it, and all after it, into the old generation.
      row.nextFinished = undefined
      size -= 1
      return row
    },
  }
}

function endOf(row: Row): number {
  return row.state.endedAt ?? 0
}

/** The clock went back: the row belongs somewhere before the last one. */
function insertSorted(first: Row, row: Row): Row {
  if (endOf(row) < endOf(first)) {
    row.nextFinished = first
    return row
  }
  let before = first
  for (let next = before.nextFinished; next !== undefined; next = before.nextFinished) {
    if (endOf(row) < endOf(next)) break
    before = next
  }
  row.nextFinished = before.nextFinished
  before.nextFinished = row
  return first
}
