/** Hears of unowned work that other processes made; what is missed, polling finds. */

import type { RedisConnection } from '../../connections/redis.ts'
import { freeChannel } from './schema.ts'

export interface FreeWork {
  stop(): void
}

/** A link that died without a word is noticed by the answers to these that do not come. */
const PING_MS = 5_000

/** Calls `changed` for each message but those of `sender`, and when messages may have been missed. */
export function listenForWork(
  connection: RedisConnection,
  base: string,
  sender: string,
  changed: () => void,
): FreeWork {
  const subscriber = connection.another({ connectionName: 'plainsight-work' })
  const { client } = subscriber
  client.on('message', (_channel: string, message: string) => {
    if (message !== sender) changed()
  })
  let wasThere = false
  client.on('ready', () => {
    client.subscribe(freeChannel(base)).then(
      () => {
        if (wasThere) changed()
        wasThere = true
      },
      () => {},
    )
  })
  const timer = setInterval(() => {
    if (client.status === 'ready') client.ping().catch(() => {})
  }, PING_MS)
  timer.unref()

  return {
    stop() {
      clearInterval(timer)
      subscriber.close()
    },
  }
}
