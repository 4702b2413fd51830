import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'
import type { Mail } from '../mail.ts'
import { Countdown, type OpenQueue } from './queue.ts'

/** In a new file. It has one worker and no concurrency, which asks the file every `pollMs`; by default each second. */
export function plainjob(synchronous: 'NORMAL' | 'FULL', pollMs = 1_000): OpenQueue {
  const nothing = (): void => {}
  const logger = { error: console.error, warn: console.error, info: nothing, debug: nothing }
  return (body) => {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-bench-'))
    const connection = better(new Database(join(directory, 'jobs.db')))
    const queue = defineQueue({ connection, logger })
    connection.pragma(`synchronous = ${synchronous}`)
    const done = new Countdown()
    const send = async ({ data }: { readonly data: string }): Promise<void> => {
      body(JSON.parse(data) as Mail)
    }
    const worker = defineWorker('send', send, {
      queue,
      logger,
      pollIntervall: pollMs,
      onCompleted: () => done.add(),
    })
    let isOver: Promise<void> | undefined
    return {
      enqueue: (mail) => queue.add('send', mail),
      enqueueMany: async (mails) => queue.addMany('send', [...mails]),
      start() {
        isOver = worker.start()
      },
      finished: (count) => done.reach(count),
      countDone: () => queue.countJobs({ status: JobStatus.Done }),
      async close() {
        await worker.stop()
        await isOver
        queue.close()
        connection.close()
        rmSync(directory, { recursive: true, force: true })
      },
    }
  }
}
