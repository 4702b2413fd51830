/** What the records of one insert stand in each other's way with. */

import type { InsertResult, NewRecord } from '../backend.ts'

/**
 * A conflict with an earlier record of the same batch, by index; `undefined` where there is none. `isStored` says whether
 * there is a record of an id outside the batch.
 */
export function conflictsWithin(
  records: readonly NewRecord[],
  isStored: (id: string) => boolean,
): (InsertResult | undefined)[] {
  const retries = new Map<string, string>()
  const ids = new Set<string>()
  const holders = new Map<string, NewRecord>()
  return records.map((record) => {
    const { spec, key } = record
    if (ids.has(spec.id)) return { type: 'duplicate', id: spec.id }
    const { retryOf } = spec
    if (retryOf !== undefined) {
      const by = retries.get(retryOf)
      if (by !== undefined && record.mayRetryAgain !== true) return { type: 'retried', id: by }
      if (ids.has(retryOf) || isStored(retryOf)) retries.set(retryOf, spec.id)
    }
    ids.add(spec.id)
    if (key === undefined) return undefined
    const index = `${spec.name} ${key.key}`
    const holder = holders.get(index)
    if (holder === undefined) {
      holders.set(index, record)
      return undefined
    }
    const sameInput = holder.key?.inputHash === key.inputHash
    return { type: 'existing', id: holder.spec.id, sameInput }
  })
}

/** Answers for a batch of which nothing goes in; `undefined` when everything may. */
export function refusalOf(
  obstacles: readonly (InsertResult | undefined)[],
): readonly InsertResult[] | undefined {
  const isRefused = obstacles.some(
    (obstacle) => obstacle !== undefined && obstacle.type !== 'inserted',
  )
  if (!isRefused) return undefined
  return obstacles.map((obstacle) => obstacle ?? { type: 'inserted', position: -1 })
}
