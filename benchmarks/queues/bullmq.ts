import { Queue, Worker } from 'bullmq'
import { Countdown, CONCURRENCY, type OpenQueue } from './queue.ts'
import type { Mail } from '../mail.ts'

let opened = 0

/** On the Redis at `url`. It keeps what is done unless `removeOnComplete` says otherwise, as its jobs do by default. */
export function bullmq(
  url: string,
  {
    removeOnComplete = false,
  }: { readonly removeOnComplete?: boolean | { readonly count: number } } = {},
): OpenQueue {
  return async (body) => {
    const { hostname: host, port } = new URL(url)
    const connection = { host, port: Number(port) }
    const name = `mails-${process.pid}-${opened++}`
    const queue = new Queue<Mail>(name, { connection, defaultJobOptions: { removeOnComplete } })
    const done = new Countdown()
    const worker = new Worker<Mail>(name, async ({ data }) => body(data), {
      connection,
      concurrency: CONCURRENCY,
      autorun: false,
    })
    worker.on('completed', () => done.add())
    worker.on('error', (error) => console.error(error))
    await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
    return {
      enqueue: (mail) => queue.add('send', mail),
      enqueueMany: (mails) => queue.addBulk(mails.map((data) => ({ name: 'send', data }))),
      start: () => void worker.run(),
      finished: (count) => done.reach(count),
      ...(removeOnComplete === false && { countDone: () => queue.getCompletedCount() }),
      async close() {
        await worker.close()
        await queue.obliterate({ force: true })
        await queue.close()
      },
    }
  }
}
