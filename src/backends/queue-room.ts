/** How many records of each queue one claim may still take. */

import type { ClaimQuery } from './backend.ts'

export interface QueueRoom {
  hasRoom(queue: string): boolean
  /** One more was taken. */
  taken(queue: string): void
}

export function createQueueRoom({ queueLimit = Infinity, queueLimits }: ClaimQuery): QueueRoom {
  const taken = new Map<string, number>()

  return {
    hasRoom: (queue) => (taken.get(queue) ?? 0) < (queueLimits?.get(queue) ?? queueLimit),
    taken(queue) {
      taken.set(queue, (taken.get(queue) ?? 0) + 1)
    },
  }
}
