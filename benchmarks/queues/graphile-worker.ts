import { Logger, makeWorkerUtils, run, type RunnerOptions } from 'graphile-worker'
import type { Mail } from '../mail.ts'
import { Countdown, type OpenQueue } from './queue.ts'

/** Its documentation has connections for all of them, and two more; with 24 or 100 it was no faster here. */
const CONCURRENT_JOBS = 10

let opened = 0

export interface GraphileWay {
  /** Fetches so many jobs at once, and completes them in batches. */
  readonly localQueue?: number
}

/** On the PostgreSQL at `url`. */
export function graphileWorker(url: string, { localQueue }: GraphileWay = {}): OpenQueue {
  return async (body) => {
    const schema = `graphile_${process.pid}_${opened++}`
    const logger = new Logger(() => (level, message) => {
      if (level === 'error' || level === 'warning') console.error(message)
    })
    const utils = await makeWorkerUtils({ connectionString: url, schema, logger })
    await utils.migrate()
    const done = new Countdown()
    const options: RunnerOptions = {
      connectionString: url,
      schema,
      logger,
      concurrency: CONCURRENT_JOBS,
      maxPoolSize: CONCURRENT_JOBS + 2,
      noHandleSignals: true,
      taskList: {
        send: (payload) => {
          body(payload as Mail)
        },
      },
      ...(localQueue !== undefined && {
        preset: { worker: { localQueue: { size: localQueue }, completeJobBatchDelay: 0 } },
      }),
    }
    let runner: Awaited<ReturnType<typeof run>> | undefined
    return {
      enqueue: (mail) => utils.addJob('send', mail),
      enqueueMany: (mails) =>
        utils.addJobs(mails.map((payload) => ({ identifier: 'send', payload }))),
      async start() {
        runner = await run(options)
        runner.events.on('job:success', () => done.add())
      },
      finished: (count) => done.reach(count),
      async close() {
        await runner?.stop()
        await utils.withPgClient((client) => client.query(`DROP SCHEMA ${schema} CASCADE`))
        await utils.release()
      },
    }
  }
}
