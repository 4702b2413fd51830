import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import type { RedisStreamObserverOptions } from '../../../src/observers/redis-stream.ts'
import { readEvents, type ReadEventsOptions } from '../../../src/observers/redis-stream/read.ts'
import type { StreamItem } from '../../../src/observers/stream/item.ts'
import type { StreamObserver } from '../../../src/observers/stream/observer.ts'
import { observerCases } from '../../../src/testing/observer-cases.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'
import { logEvent, shortly, take, upTo } from '../../support/stream-events.ts'

let client: Redis
let stream = ''
let observers: StreamObserver[] = []

beforeEach(async () => {
  client = new Redis(await redisUrl())
  stream = freshPrefix()
  observers = []
})
afterEach(async () => {
  for (const observer of observers) await observer.close()
  await client.quit()
})

function observe(options: Partial<RedisStreamObserverOptions> = {}): StreamObserver {
  const observer = redisStreamObserver({ client, stream, ...options })
  observer.start()
  observers.push(observer)
  return observer
}

const read = (options: Partial<ReadEventsOptions> = {}) =>
  readEvents({ client, stream, from: 'start', ...options })

/** All that the stream has now. */
async function all(options: Partial<ReadEventsOptions> = {}): Promise<StreamItem[]> {
  const end = observe({ name: 'end' })
  end.onEvent(logEvent(0, { executorId: 'end', level: 'error' }))
  await end.close()
  const items: StreamItem[] = []
  for await (const item of read(options)) {
    if (item.type === 'event' && item.event.executorId === 'end') break
    items.push(item)
  }
  return items
}

describe('redisStreamObserver', () => {
  it.each(observerCases)('$name', ({ run }) =>
    run(() => ({
      observer: redisStreamObserver({ client, stream }),
      delivered: async () => (await all()).filter((item) => item.type === 'event').length,
    })),
  )

  it('puts up to 50 events of a turn into an entry, in order', async () => {
    const observer = observe()
    for (const seq of upTo(120)) observer.onEvent(logEvent(seq))
    await observer.close()
    expect(await client.xlen(stream)).toBe(3)
    const items = await take(read(), 120)
    expect(shortly(items)).toEqual(upTo(120))
    expect(items[60]).toMatchObject({ type: 'event', event: logEvent(61), number: 61 })
  })
})

describe('readEvents', () => {
  it('goes on after any item, in the middle of an entry too', async () => {
    const observer = observe()
    for (const seq of upTo(120)) observer.onEvent(logEvent(seq))
    await observer.close()
    const items = await take(read(), 120)
    for (const at of [0, 48, 49, 50, 98, 100, 118]) {
      const rest = await take(read({ from: items[at]?.id ?? '' }), 119 - at)
      expect(shortly(rest)).toEqual(upTo(119 - at, at + 2))
    }
  })
})
