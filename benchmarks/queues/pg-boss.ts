import { PgBoss } from 'pg-boss'
import type { Mail } from '../mail.ts'
import { Countdown, CONCURRENCY, type OpenQueue } from './queue.ts'

let opened = 0

export interface PgBossWay {
  /** Wakes the workers by LISTEN/NOTIFY: for a short latency, at a price for each `send`. */
  readonly notify: boolean
  /** Workers of this process, each with batches of its own. */
  readonly workers: number
}

/** On the PostgreSQL at `url`, with batches: it has no other way to complete several jobs at once. */
export function pgBoss(url: string, { notify, workers }: PgBossWay): OpenQueue {
  return async (body) => {
    const schema = `pgboss_${process.pid}_${opened++}`
    const boss = new PgBoss({ connectionString: url, schema, useListenNotify: notify })
    boss.on('error', (error) => console.error(error))
    await boss.start()
    await boss.createQueue('send', { notify })
    const done = new Countdown()
    const options = {
      batchSize: CONCURRENCY,
      localConcurrency: workers,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    }
    return {
      enqueue: (mail) => boss.send('send', mail),
      enqueueMany: (mails) =>
        boss.insert(
          'send',
          mails.map((data) => ({ data })),
        ),
      start: () =>
        boss.work<Mail>('send', options, async (jobs) => {
          for (const { data } of jobs) body(data)
          done.add(jobs.length)
        }),
      finished: (count) => done.reach(count),
      async close() {
        await boss.stop({ graceful: true, close: false })
        await boss.getDb().executeSql(`DROP SCHEMA ${schema} CASCADE`)
        await boss.stop({ graceful: false })
      },
    }
  }
}
