/** New records: all of a call or none, or each for itself. */

import { BackendUnavailableError } from '../../task/errors.ts'
import type { Backend, InsertEachResult, InsertResult, NewRecord } from '../backend.ts'
import { leaseLost, refusal } from './failure.ts'
import type { Members } from './members.ts'
import { insertCall, insertResults, type Writing } from './write-calls.ts'

export type Inserts = Required<Pick<Backend, 'insert' | 'insertEach'>>

/** `nudge` is told of records without an owner. */
export function createInserts(members: Members, writing: Writing, nudge: () => void): Inserts {
  function replyOf(records: readonly NewRecord[]) {
    return (reply: unknown): readonly InsertResult[] => {
      const answers = insertResults(reply, records, writing)
      if (typeof answers !== 'string') return answers
      throw leaseLost(members.ownerOf(answers), 'insert', members.store('insert').place)
    }
  }

  function insertAlone(record: NewRecord, answered: (result: InsertEachResult) => void): void {
    const failed = (error: unknown): void => {
      const isOurs = error instanceof BackendUnavailableError
      answered(isOurs ? error : refusal('unknown', 'insert', String(error), error))
    }
    try {
      const { queue } = members.store('insert')
      const records = [record]
      const inserted = ([result]: readonly InsertResult[]): void => answered(result as InsertResult)
      queue.add(insertCall(records, writing), replyOf(records), inserted, failed)
    } catch (error) {
      failed(error)
    }
  }

  return {
    // Not async: it is on every task's way, and each promise costs.
    insert(records) {
      try {
        const { queue } = members.store('insert')
        if (records.length === 0) return []
        const results = queue.run(insertCall(records, writing), replyOf(records))
        return hasUnowned(records) ? nudging(results, nudge) : results
      } catch (error) {
        return Promise.reject(error)
      }
    },
    insertEach(records) {
      if (records.length === 0) return []
      return new Promise((resolve) => {
        const results: InsertEachResult[] = []
        let left = records.length
        for (const [index, record] of records.entries()) {
          insertAlone(record, (result) => {
            results[index] = result
            left -= 1
            if (left > 0) return
            if (hasUnowned(records)) nudge()
            resolve(results)
          })
        }
      })
    },
  }
}

function hasUnowned(records: readonly NewRecord[]): boolean {
  return records.some(({ state }) => state.owner === null)
}

/** Answers as `results`, and tells that there may be something to claim. */
export async function nudging<T>(results: Promise<T>, nudge: () => void): Promise<T> {
  const answer = await results
  nudge()
  return answer
}
