import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createExecutor, defineTask, taskLog, type ExecutorOptions } from '../../src/index.ts'
import { sqliteBackend, type SqliteBackendOptions } from '../../src/sqlite.ts'
import type { Mail } from '../mail.ts'
import { CONCURRENCY, type OpenQueue } from './queue.ts'

export interface PlainsightWay {
  readonly requeueOnInterrupt?: boolean
  /** Log lines of each task. */
  readonly lines?: number
}

/** In memory: what waits is lost with the process. */
export function inMemory(way?: PlainsightWay): OpenQueue {
  return plainsight(() => ({ options: {}, remove() {} }), way)
}

/** In a new file, which is removed afterwards. */
export function inSqlite(
  durability: NonNullable<SqliteBackendOptions['durability']>,
  way?: PlainsightWay,
): OpenQueue {
  return plainsight(() => {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-bench-'))
    return {
      options: { backend: sqliteBackend(join(directory, 'tasks.db'), { durability }) },
      remove: () => rmSync(directory, { recursive: true, force: true }),
    }
  }, way)
}

/** In the Redis at `url`, under a prefix of its own; it is emptied afterwards. */
export function inRedis(url: string, way?: PlainsightWay): OpenQueue {
  return plainsight(async () => {
    const [{ redisBackend }, { Redis }] = await Promise.all([
      import('../../src/redis.ts'),
      import('ioredis'),
    ])
    const backend = redisBackend({
      client: url,
      prefix: `mails-${process.pid}-${opened++}`,
      durability: 'ignore',
    })
    return {
      options: { backend },
      async remove() {
        const client = new Redis(url)
        await client.flushall()
        client.disconnect()
      },
    }
  }, way)
}

interface Store {
  readonly options: Pick<ExecutorOptions, 'backend'>
  remove(): void | Promise<void>
}

let opened = 0

function plainsight(
  newStore: () => Store | Promise<Store>,
  { requeueOnInterrupt = false, lines = 0 }: PlainsightWay = {},
): OpenQueue {
  return async (body) => {
    const { options, remove } = await newStore()
    const send = defineTask({
      name: 'send',
      requeueOnInterrupt,
      run: async (mail: Mail) => {
        for (let line = 0; line < lines; line++) taskLog('Sending', { userId: mail.userId })
        body(mail)
      },
    })
    const executor = createExecutor({ tasks: [send], concurrency: CONCURRENCY, ...options })
    await executor.start()
    return {
      enqueue: (mail) => executor.enqueue(send, mail),
      enqueueMany: (mails) => executor.enqueueMany(mails.map((input) => ({ task: send, input }))),
      // It runs from the beginning, as in a program.
      start() {},
      finished: () => executor.drain(),
      // In memory only the newest stay.
      ...(options.backend !== undefined && {
        countDone: async () => (await executor.counts()).succeeded,
      }),
      async close() {
        await executor.close()
        await remove()
      },
    }
  }
}
