/** The queues that people would pick instead. Each is loaded when it is opened: a process measures one. */

import type { betterQueue as BetterQueue } from './better-queue.ts'
import type { bullmq as Bullmq } from './bullmq.ts'
import type { graphileWorker as GraphileWorker } from './graphile-worker.ts'
import type { pgBoss as PgBoss } from './pg-boss.ts'
import type { plainjob as Plainjob } from './plainjob.ts'
import type { OpenQueue } from './queue.ts'

export const betterQueue: typeof BetterQueue = lazy(
  async () => (await import('./better-queue.ts')).betterQueue,
)
export const bullmq: typeof Bullmq = lazy(async () => (await import('./bullmq.ts')).bullmq)
export const graphileWorker: typeof GraphileWorker = lazy(
  async () => (await import('./graphile-worker.ts')).graphileWorker,
)
export const pgBoss: typeof PgBoss = lazy(async () => (await import('./pg-boss.ts')).pgBoss)
export const plainjob: typeof Plainjob = lazy(async () => (await import('./plainjob.ts')).plainjob)

function lazy<Args extends readonly unknown[]>(
  load: () => Promise<(...args: Args) => OpenQueue>,
): (...args: Args) => OpenQueue {
  return (...args) =>
    async (body) =>
      (await load())(...args)(body)
}
