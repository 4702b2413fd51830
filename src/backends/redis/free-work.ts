/** Hears of unowned work that other processes made, and of cancels that they want; what is missed, polling and beats find. */

import type { RedisConnection } from '../../connections/redis.ts'
import { freeChannel } from './schema.ts'

export interface FreeWork {
  stop(): void
}

export interface FreeWorkNews {
  /** There may be something to claim. */
  free(): void
  /** Somebody wants a record of this owner cancelled; `undefined`: of anybody, messages may have been missed. */
  cancel(token: string | undefined): void
}

/** What a message begins with that names the owner who has to hear of a cancel. */
export const CANCEL_MESSAGE = 'cancel '

/** A link that died without a word is noticed by the answers to these that do not come. */
const PING_MS = 5_000

/** Tells `news` of each message but those of `sender`, and when messages may have been missed. */
export function listenForWork(
  connection: RedisConnection,
  base: string,
  sender: string,
  news: FreeWorkNews,
): FreeWork {
  const subscriber = connection.another({ connectionName: 'plainsight-work' })
  const { client } = subscriber
  client.on('message', (_channel: string, message: string) => {
    if (message.startsWith(CANCEL_MESSAGE)) news.cancel(message.slice(CANCEL_MESSAGE.length))
    else if (message !== sender) news.free()
  })
  let wasThere = false
  client.on('ready', () => {
    client.subscribe(freeChannel(base)).then(
      () => {
        if (wasThere) {
          news.free()
          news.cancel(undefined)
        }
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
