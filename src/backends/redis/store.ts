/** One open store: its connections, the queue of calls, and how far the server's clock is from ours. */

import { randomBytes } from 'node:crypto'
import { connectRedis } from '../../connections/redis.ts'
import { createClockOffset, type ClockOffset } from './clock-offset.ts'
import { checkServer, type Warn } from './durability.ts'
import { refusal, unavailable } from './failure.ts'
import { listenForWork, type FreeWorkNews } from './free-work.ts'
import { createGroupQueue, type GroupQueue } from './group-queue.ts'
import { WHERE, type RedisSettings } from './options.ts'
import { keyBase, metaKey } from './schema.ts'

export interface Store {
  readonly queue: GroupQueue
  readonly clock: ClockOffset
  readonly place: string
  /** Registers an executor; answers the token that stands. */
  register(executorId: string, current: string, fresh: string, schema: string): Promise<string>
  /** Ends a registration, or gives up after so long. Never rejects. */
  unregister(token: string, withinMs: number): Promise<void>
  close(): void
}

/** Opening waits so long for a connection. */
const READY_MS = 3_000

/**
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when there is no connection in time, and with reason `evicting` or
 *   `not_durable` when this server may lose records
 */
export async function openStore(
  settings: RedisSettings,
  news: FreeWorkNews,
  warn: Warn,
): Promise<Store> {
  const sender = randomBytes(6).toString('hex')
  const connection = connectRedis(settings.client, WHERE, { connectionName: 'plainsight' })
  const { place } = connection
  const base = keyBase(connection.keyPrefix, settings.prefix)
  try {
    await connection.ready(READY_MS)
    await checkServer(connection, settings.durability, warn)
  } catch (error) {
    const failure = unavailable(error, 'open', connection)
    connection.close()
    throw failure
  }
  const queue = createGroupQueue(connection, metaKey(base), sender)
  const work = listenForWork(connection, base, sender, news)
  const clock = createClockOffset()

  return {
    queue,
    clock,
    place,
    async register(executorId, current, fresh, schema) {
      const args = ['O', executorId, current, fresh, schema]
      const call = { operation: 'open', kind: 'other', args, count: 1, weight: 10 } as const
      const answer = await queue.run({ ...call, characters: 100 }, (reply, timing) => {
        const [first, second, third] = reply as readonly [string, string, string?]
        if (first === 'ok') clock.note(Number(third), timing)
        return { first, second, third }
      })
      if (answer.first === 'ok') return answer.second
      throw notOurs(answer, place, schema)
    },
    async unregister(token, withinMs) {
      const args = ['X', token]
      const call = { operation: 'close', kind: 'other', args, count: 1, weight: 1 } as const
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs)
      })
      const done = queue.run({ ...call, characters: 100 }, () => {})
      try {
        await Promise.race([done, tooLate])
      } catch {
        // Without a beat it ends by itself.
      } finally {
        clearTimeout(timer)
      }
      // Too late: nobody waits for it any more.
      done.catch(() => {})
    },
    close() {
      const message = `${place} was closed; call open first`
      queue.stop(refusal('closed', 'close', message))
      work.stop()
      connection.close()
    },
  }
}

function notOurs(
  {
    first,
    second,
    third = '',
  }: { readonly first: string; readonly second: string; readonly third?: string | undefined },
  place: string,
  schema: string,
): Error {
  switch (first) {
    case 'wrong_type':
      return refusal(
        'wrong_type',
        'open',
        `${place}: the key ${second} holds a ${third} that is not ours; choose another prefix`,
      )
    case 'schema':
      return Number(second) > Number(schema)
        ? refusal(
            'newer_schema',
            'open',
            `${place}: a newer version of plainsight has written these records (layout ${second}, this one knows ${schema}); update it here, or choose another prefix`,
          )
        : refusal(
            'foreign_database',
            'open',
            `${place}: the records have a layout that this version does not know (${second}); choose another prefix`,
          )
    default:
      return refusal(
        'foreign_database',
        'open',
        `${place}: the key ${second} is not one of plainsight; choose another prefix`,
      )
  }
}
