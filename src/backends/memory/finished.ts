/** Finished rows in the order in which they ended: lists through the rows themselves, so that an end allocates nothing. */

import { isTerminal, STATUSES, type Status } from '../../task/status.ts'
import type { Row } from './row.ts'

export interface FinishedRows {
  add(row: Row): void
  /** Those that ended with one of these statuses. */
  listsOf(statuses: readonly Status[]): readonly FinishedList[]
  /**
   * Takes out the first row of these lists, if it ended before `endedBefore`, or if there are more than `maxFinished` of
   * them.
   */
  shift(lists: readonly FinishedList[], endedBefore: number, maxFinished: number): Row | undefined
}

/** Those of one status. */
export interface FinishedList {
  readonly status: Status
  first: Row | undefined
  last: Row | undefined
  size: number
}

export function createFinishedRows(): FinishedRows {
  const succeeded = newList('succeeded')
  const lists = [succeeded]
  for (const status of STATUSES) {
    if (isTerminal(status) && status !== 'succeeded') lists.push(newList(status))
  }

  function listOf(status: Status): FinishedList {
    // Most end so.
    if (status === 'succeeded') return succeeded
    return lists.find((list) => list.status === status) as FinishedList
  }

  return {
    add(row) {
      const list = listOf(row.state.status)
      const { first, last } = list
      list.size += 1
      if (first === undefined || last === undefined) {
        list.first = list.last = row
      } else if (endOf(last) <= endOf(row)) {
        last.nextFinished = row
        list.last = row
      } else {
        list.first = insertSorted(first, row)
      }
    },
    listsOf: (statuses) => lists.filter(({ status }) => statuses.includes(status)),
    shift(from, endedBefore, maxFinished) {
      let size = 0
      let oldest: FinishedList | undefined
      for (const list of from) {
        if (list.first === undefined) continue
        size += list.size
        if (oldest?.first === undefined || endedFirst(list.first, oldest.first)) oldest = list
      }
      const row = oldest?.first
      if (oldest === undefined || row === undefined) return undefined
      if (size <= maxFinished && endOf(row) >= endedBefore) return undefined
      oldest.first = row.nextFinished
      if (oldest.first === undefined) oldest.last = undefined
      // A dead old row that points at a young one would carry it, and all after it, into the old generation.
      row.nextFinished = undefined
      oldest.size -= 1
      return row
    },
  }
}

function newList(status: Status): FinishedList {
  return { status, first: undefined, last: undefined, size: 0 }
}

function endOf(row: Row): number {
  return row.state.endedAt ?? 0
}

function endedFirst(a: Row, b: Row): boolean {
  return endOf(a) === endOf(b) ? a.position < b.position : endOf(a) < endOf(b)
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
