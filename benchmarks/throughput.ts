/** How many tasks per second go through a queue, from the first enqueue to the last task's end. */

import { mailTo, sumOfMails } from './mail.ts'
import { CONCURRENCY, type OpenQueue } from './queues/queue.ts'
import { expectEqual } from './rounds.ts'

export interface Load {
  readonly tasks: number
  /** Enqueues so many with one call. Default: one by one, 100 in flight. */
  readonly bulk?: number
  /** Starts to run tasks when all are enqueued. Default: before the first. */
  readonly startsLast?: boolean
}

/** Answers tasks per second; fails when not every body ran once with its input. */
export async function throughputOf(name: string, open: OpenQueue, load: Load): Promise<number> {
  const { tasks, startsLast = false } = load
  let sum = 0
  let ran = 0
  const queue = await open(({ userId }) => {
    sum += userId
    ran += 1
  })
  if (!startsLast) await queue.start()
  const startedAt = performance.now()
  await enqueueAll(queue, load)
  if (startsLast) await queue.start()
  await queue.finished(tasks)
  const seconds = (performance.now() - startedAt) / 1_000
  const done = (await queue.countDone?.()) ?? tasks
  await queue.close()
  expectEqual(`${name}: bodies`, ran, tasks)
  expectEqual(`${name}: sum of inputs`, sum, sumOfMails(tasks))
  expectEqual(`${name}: done`, done, tasks)
  return tasks / seconds
}

type Queue = Awaited<ReturnType<OpenQueue>>

async function enqueueAll(queue: Queue, { tasks, bulk }: Load): Promise<void> {
  if (bulk === undefined) {
    let next = 0
    const enqueueNext = async (): Promise<void> => {
      while (next < tasks) await queue.enqueue(mailTo(next++))
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, enqueueNext))
    return
  }
  const { enqueueMany } = queue
  if (enqueueMany === undefined) throw new Error('this queue accepts one task at a time')
  for (let from = 0; from < tasks; from += bulk) {
    const count = Math.min(bulk, tasks - from)
    await enqueueMany(Array.from({ length: count }, (_, index) => mailTo(from + index)))
  }
}
