/** The stores that a promise about records is tested on. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { EventType, PlainsightEvent } from '../../src/events/event.ts'
import {
  createExecutor,
  memoryBackend,
  type Executor,
  type ExecutorOptions,
} from '../../src/index.ts'
import { redisBackend } from '../../src/redis.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { eventsOf, recorder } from './recorded.ts'

export interface Store {
  readonly name: 'memory' | 'sqlite' | 'redis'
  /** A new, empty store; each call of the answer opens it, as another process would. */
  create(): () => Backend
}

const embedded: readonly Store[] = [
  {
    name: 'memory',
    create() {
      const backend = memoryBackend()
      return () => backend
    },
  },
  {
    name: 'sqlite',
    create() {
      const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
      return () => sqliteBackend(join(directory, 'tasks.db'))
    },
  },
]

/** With `PLAINSIGHT_TEST_STORE=redis`, as in the project `redis`, the same promises are tested on Redis. */
export const stores: readonly Store[] =
  process.env['PLAINSIGHT_TEST_STORE'] === 'redis' ? [await redisStore()] : embedded

async function redisStore(): Promise<Store> {
  const { freshPrefix, redisUrl } = await import('./shared-redis.ts')
  const client = await redisUrl()
  return {
    name: 'redis',
    create() {
      const prefix = freshPrefix()
      return () => redisBackend({ client, prefix, durability: 'ignore' })
    },
  }
}

/** As `recorded`, for one of several executors of a store: its events begin in the middle of others' tasks. */
export function joined(options: ExecutorOptions = {}): {
  readonly executor: Executor
  readonly events: readonly PlainsightEvent[]
  types(taskId: string): readonly EventType[]
} {
  const record = recorder()
  const executor = createExecutor({ ...options, observers: [record] })
  onTestFinished(() => executor.close({ grace: 0 }))
  return {
    executor,
    events: record.events,
    types: (taskId) => eventsOf(record.events, taskId).map((event) => event.type),
  }
}
