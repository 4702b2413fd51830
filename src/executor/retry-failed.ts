/** Retrying what failed, in bulk. */

import type { TaskHandle } from '../task/enqueue-options.ts'
import { DuplicateTaskError, InvalidOptionsError } from '../task/errors.ts'
import { readFields } from '../task/reading.ts'
import { retryTask } from './control.ts'
import type { Core } from './core.ts'
import type { Enqueuer } from './enqueue.ts'
import { listRecords } from './queries.ts'

export interface RetryFailedOptions {
  /** Only tasks of this name. */
  readonly name?: string | undefined
  /** Only tasks that were created in this window (epoch milliseconds or Date, exclusive). */
  readonly createdAfter?: number | Date | undefined
  readonly createdBefore?: number | Date | undefined
  /** At most so many; default 1,000. */
  readonly limit?: number | undefined
}

const MAX = 100_000

function isLimit(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX
}

/** Oldest first. One that was retried by hand before is passed over. */
export async function retryFailed(
  core: Core,
  enqueuer: Enqueuer,
  options: RetryFailedOptions = {},
): Promise<TaskHandle[]> {
  const { limit = 1_000, ...filters } = readFields(options, 'options', 'an object', 'retryFailed: ')
  if (!isLimit(limit)) {
    throw new InvalidOptionsError('limit', `an integer from 1 to ${MAX}`, limit, 'retryFailed: ')
  }
  const handles: TaskHandle[] = []
  const made = new Set<string>()
  let cursor: string | undefined
  do {
    const next = cursor === undefined ? undefined : { cursor }
    const page = await listRecords(core, {
      ...filters,
      ...next,
      status: 'failed',
      order: 'oldest',
      limit: 200,
    })
    for (const record of page.records) {
      if (handles.length >= limit) return handles
      if (record.retriedBy !== undefined || core.registry.get(record.name) === undefined) continue
      // A retry that has failed in the meantime is for another call.
      if (made.has(record.id)) continue
      try {
        const handle = await retryTask(core, enqueuer, record.id)
        handles.push(handle)
        made.add(handle.id)
      } catch (error) {
        // Somebody else was faster: it is retried, and that is all that was asked for.
        if (!(error instanceof DuplicateTaskError)) throw error
      }
    }
    cursor = page.cursor
  } while (cursor !== undefined)
  return handles
}
