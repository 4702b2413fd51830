/**
 * Finished rows in the order in which they ended, by their positions: what goes was last touched a thousand tasks ago, and
 * is let go of without being read again.
 */

import { isTerminal, STATUSES, type Status } from '../../task/status.ts'
import type { Row } from './row.ts'
import type { RowTable } from './table.ts'

export interface FinishedRows {
  add(row: Row): void
  /** Those that ended with one of these statuses. */
  listsOf(statuses: readonly Status[]): readonly FinishedList[]
  /**
   * Takes out the position of the first row of these lists, if it ended before `endedBefore`, or if there are more than
   * `maxFinished` of them.
   */
  shift(
    lists: readonly FinishedList[],
    endedBefore: number,
    maxFinished: number,
  ): number | undefined
}

/** Those of one status: the positions from `head` on. */
export interface FinishedList {
  readonly status: Status
  positions: number[]
  head: number
}

export function createFinishedRows(rows: RowTable): FinishedRows {
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

  function endOf(position: number): number {
    return rows.at(position)?.state.endedAt ?? 0
  }

  function endedFirst(a: number, b: number): boolean {
    const [endOfA, endOfB] = [endOf(a), endOf(b)]
    return endOfA === endOfB ? a < b : endOfA < endOfB
  }

  return {
    add({ position, state }) {
      const { positions, head } = listOf(state.status)
      const endedAt = state.endedAt ?? 0
      let index = positions.length
      // Further back only when the clock was set back.
      while (index > head && endOf(positions[index - 1] as number) > endedAt) index -= 1
      if (index === positions.length) positions.push(position)
      else positions.splice(index, 0, position)
    },
    listsOf: (statuses) => lists.filter(({ status }) => statuses.includes(status)),
    shift(from, endedBefore, maxFinished) {
      let size = 0
      let oldest: FinishedList | undefined
      for (const list of from) {
        const own = list.positions.length - list.head
        if (own === 0) continue
        size += own
        if (oldest === undefined || endedFirst(firstOf(list), firstOf(oldest))) oldest = list
      }
      if (oldest === undefined) return undefined
      const position = firstOf(oldest)
      if (size <= maxFinished && endOf(position) >= endedBefore) return undefined
      oldest.head += 1
      if (oldest.head > 1_024 && oldest.head * 2 > oldest.positions.length) {
        oldest.positions = oldest.positions.slice(oldest.head)
        oldest.head = 0
      }
      return position
    },
  }
}

function newList(status: Status): FinishedList {
  return { status, positions: [], head: 0 }
}

function firstOf({ positions, head }: FinishedList): number {
  return positions[head] as number
}
