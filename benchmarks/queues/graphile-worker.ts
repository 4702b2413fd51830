import { setTimeout as sleep } from 'node:timers/promises'
import { Logger, makeWorkerUtils, run, type RunnerOptions, type WorkerUtils } from 'graphile-worker'
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
    let stop = async (): Promise<void> => {}
    return {
      enqueue: (mail) => utils.addJob('send', mail),
      enqueueMany: (mails) =>
        utils.addJobs(mails.map((payload) => ({ identifier: 'send', payload }))),
      async start() {
        const runner = await run(options)
        stop = () => runner.stop()
        runner.events.on('job:success', () => done.add())
      },
      finished: (count) => done.reach(count),
      async close() {
        // It does not wait for what it writes about jobs that have ended: to delete them.
        await untilEmpty(utils, schema)
        await stop()
        await utils.withPgClient((client) => client.query(`DROP SCHEMA ${schema} CASCADE`))
        await utils.release()
      },
    }
  }
}

async function untilEmpty(utils: WorkerUtils, schema: string): Promise<void> {
  const until = performance.now() + 10_000
  const count = `SELECT count(*)::int AS left FROM ${schema}.jobs`
  for (;;) {
    const { rows } = await utils.withPgClient((client) => client.query<{ left: number }>(count))
    const left = rows[0]?.left ?? 0
    if (left === 0) return
    if (performance.now() > until) throw new Error(`graphile-worker: ${left} jobs are left`)
    await sleep(10)
  }
}
