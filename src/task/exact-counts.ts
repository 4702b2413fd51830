/** Makes of the numbers that somebody gives of himself numbers that add up. */

import { ignoreRejection } from './reading.ts'

/** Where events are: `emitted = delivered + dropped + failed + queued`. */
export interface ExactCounts {
  readonly delivered: number
  readonly dropped: number
  readonly failed: number
  readonly queued: number
}

/**
 * The numbers that `own` answers, of `emitted` events; `undefined` when it has none, throws, or they cannot be. What it
 * does not account for has failed.
 */
export function exactCounts(own: () => unknown, emitted: number): ExactCounts | undefined {
  try {
    const counts = own() as ExactCounts | undefined
    if (counts === undefined) return undefined
    const { delivered, dropped, queued } = counts
    const rest = emitted - delivered - dropped - queued
    const isSane = [delivered, dropped, counts.failed, queued].every(isCount)
    if (isSane && rest >= counts.failed) return { delivered, dropped, failed: rest, queued }
    ignoreRejection(counts)
  } catch {
    // Its own numbers are gone.
  }
  return undefined
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
