/** Acknowledges entries of a group, over a connection that never waits for new ones. */

import type { RedisSource } from '../../connections/redis.ts'
import { BackendUnavailableError } from '../../task/errors.ts'
import { openPlace } from './place.ts'

export interface Acknowledgements {
  add(id: string): void
  /** Whether it is done, and Redis may not know it yet. */
  has(id: string): boolean
  /** Sends what waits, for at most a second. What Redis does not hear of is delivered again. */
  close(): Promise<void>
}

const RETRY_MS = 500
const CLOSE_MS = 1_000
const MAX_IDS = 500

export function acknowledgements(
  client: RedisSource,
  stream: string,
  group: string,
  where: string,
  onError: ((error: BackendUnavailableError) => void) | undefined,
): Acknowledgements {
  const place = openPlace(client, stream, where, CLOSE_MS, { connectionName: 'plainsight-acks' })
  const waiting = new Set<string>()
  let sending: Promise<void> | undefined
  let retryTimer: NodeJS.Timeout | undefined
  let isClosed = false

  async function send(): Promise<void> {
    while (waiting.size > 0) {
      const ids = [...waiting].slice(0, MAX_IDS)
      await place.call('acknowledge events', ({ client: redis, counted }) =>
        counted(redis.call('xack', place.key, group, ...ids)),
      )
      for (const id of ids) waiting.delete(id)
    }
  }

  function start(): void {
    if (sending !== undefined || retryTimer !== undefined) return
    sending = send()
      .catch((error: unknown) => {
        if (isClosed) return
        retryTimer = setTimeout(() => {
          retryTimer = undefined
          start()
        }, RETRY_MS)
        retryTimer.unref()
        if (error instanceof BackendUnavailableError) onError?.(error)
      })
      .finally(() => {
        sending = undefined
        // Added after the last look.
        if (waiting.size > 0 && !isClosed) start()
      })
  }

  return {
    add(id) {
      waiting.add(id)
      start()
    },
    has: (id) => waiting.has(id),
    async close() {
      clearTimeout(retryTimer)
      retryTimer = undefined
      let timer: NodeJS.Timeout | undefined
      const limit = new Promise((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS)
      })
      if (waiting.size > 0) start()
      await Promise.race([sending, limit])
      clearTimeout(timer)
      isClosed = true
      waiting.clear()
      clearTimeout(retryTimer)
      place.connection.close()
    },
  }
}
