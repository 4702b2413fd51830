/** Sees bodies begin and tasks end, over several executors, and says what cannot be. */

import type { Observer, TaskRecord } from '../../src/index.ts'
import { isTerminal, type Status } from '../../src/task/status.ts'

export interface Witness {
  readonly observer: Observer
  /** Kind by id, of what an enqueue has resolved with. */
  readonly accepted: ReadonlyMap<string, string>
  readonly breaches: string[]
  accept(id: string, kind: string): void
  began(id: string, name: string, retries: number): void
  breach(text: string): void
  /** Compares records with what was seen. */
  judge(records: readonly TaskRecord[]): void
}

export function createWitness(): Witness {
  const accepted = new Map<string, string>()
  const ends = new Map<string, string>()
  const starts = new Map<string, number>()
  const breaches: string[] = []
  const breach = (text: string): void => void breaches.push(text)
  const holders = new Map<string, string>()
  return {
    accepted,
    breaches,
    breach,
    observer: {
      name: 'witness',
      minLevel: 'debug',
      onLifecycle(event) {
        if (!('taskId' in event) || !event.type.startsWith('task.')) return
        const status = event.type.slice('task.'.length)
        if (!isTerminal(status as Status)) return
        const { taskId, taskName } = event
        const before = ends.get(taskId)
        if (before !== undefined) breach(`${taskId} (${taskName}) ended ${before}, then ${status}`)
        ends.set(taskId, status)
      },
    },
    accept: (id, kind) => void accepted.set(id, kind),
    began(id, name, retries) {
      const count = (starts.get(id) ?? 0) + 1
      starts.set(id, count)
      const end = ends.get(id)
      if (end !== undefined) breach(`${id} (${name}) began after it had ended ${end}`)
      if (retries === 0 && count > 1)
        breach(`${id} (${name}) has no retries and began ${count} times`)
    },
    judge(records) {
      for (const { id, name, status, idempotencyKey, retryOf } of records) {
        if (!isTerminal(status)) {
          breach(`${id} (${name}) is ${status} at the end`)
          continue
        }
        const seen = ends.get(id)
        // An end that was committed with its reply lost at the close of the first life has no event.
        if (seen !== undefined && seen !== status) {
          breach(`${id} (${name}) ended ${seen} by its event and ${status} by its record`)
        }
        if (status === 'succeeded' && !starts.has(id))
          breach(`${id} (${name}) succeeded and never began`)
        if (idempotencyKey === undefined || status !== 'succeeded' || retryOf !== undefined)
          continue
        const holder = holders.get(idempotencyKey)
        if (holder !== undefined) breach(`${idempotencyKey} made ${holder} and ${id}`)
        holders.set(idempotencyKey, id)
      }
    },
  }
}
