import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import {
  consumeEvents,
  type ConsumedItem,
  type ConsumeEventsOptions,
} from '../../../src/observers/redis-stream/consume.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'
import { logEvent, shortly, take, upTo } from '../../support/stream-events.ts'

let client: Redis
let stream = ''

beforeEach(async () => {
  client = new Redis(await redisUrl())
  stream = freshPrefix()
})
afterEach(async () => {
  await client.del(stream)
  await client.quit()
})

/** Entries of `perEntry` events each. */
async function write(count: number, perEntry = 10, from = 1): Promise<void> {
  const observer = redisStreamObserver({ client, stream })
  observer.start()
  for (const seq of upTo(count, from)) {
    observer.onEvent(logEvent(seq, { level: seq % 2 === 0 ? 'info' : 'warning' }))
    if (seq % perEntry === 0) await observer.flush()
  }
  await observer.close()
}

const consume = (options: Partial<ConsumeEventsOptions> = {}) =>
  consumeEvents({ client, stream, group: 'g', consumer: 'c1', from: 'start', ...options })

async function pending(): Promise<number> {
  const [count] = (await client.xpending(stream, 'g')) as [number]
  return count
}

describe('consumeEvents', () => {
  it('shares the entries among the consumers of a group: each event once, all acknowledged', async () => {
    await write(600)
    const seen: number[] = []
    const each = new Map<string, number>()
    const controller = new AbortController()
    await Promise.all(
      ['c1', 'c2', 'c3'].map(async (consumer) => {
        for await (const item of consume({ consumer, signal: controller.signal })) {
          if (item.type === 'event') seen.push(item.event.seq)
          expect(item.deliveries).toBe(1)
          each.set(consumer, (each.get(consumer) ?? 0) + 1)
          await new Promise((resolve) => setImmediate(resolve))
          if (seen.length === 600) setTimeout(() => controller.abort(), 20)
        }
      }),
    )
    expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(600))
    expect(each.size).toBeGreaterThan(1)
    expect(await pending()).toBe(0)
  })

  it('gives again, at its next start, what it was at when the loop was left', async () => {
    await write(30)
    expect(shortly(await take(consume(), 15))).toEqual(upTo(15))
    expect(await pending()).toBe(1)
    const again = await take(consume(), 20)
    expect(shortly(again)).toEqual(upTo(20, 11))
    expect(again.map(({ deliveries }) => deliveries)).toEqual(
      upTo(20).map((place) => (place <= 10 ? 2 : 1)),
    )
  })

  it('gives nothing more once its signal has aborted', async () => {
    await write(20)
    const controller = new AbortController()
    const items: ConsumedItem[] = []
    for await (const item of consume({ signal: controller.signal })) {
      items.push(item)
      if (items.length === 10) controller.abort()
    }
    expect(shortly(items)).toEqual(upTo(10))
    expect(await pending()).toBe(0)
    expect(shortly(await take(consume(), 10))).toEqual(upTo(10, 11))
  })

  it('acknowledges an entry when all of its items are, in any order, with ack: manual', async () => {
    await write(20)
    const items = consume({ ack: 'manual' })
    const taken: ConsumedItem[] = []
    for (let count = 0; count < 20; count++) {
      const { value } = await items.next()
      taken.push(value as ConsumedItem)
    }
    const [first, ...others] = taken
    for (const item of others.toReversed()) item.ack()
    others[0]?.ack()
    const rest = items.next()
    await waitFor(async () => (await pending()) === 1)
    first?.ack()
    await waitFor(async () => (await pending()) === 0)
    await write(1, 1, 21)
    expect((await rest).value).toMatchObject({ event: { seq: 21 } })
    await items.return()
  })

  it('takes over what a dead consumer was given, and counts', async () => {
    await write(30)
    const dead = await take(consume({ consumer: 'dead', ack: 'manual' }), 11)
    expect(dead.map(({ deliveries }) => deliveries)).toEqual(upTo(11).map(() => 1))
    const items = await take(consume({ consumer: 'alive', minIdle: '100ms' }), 30)
    expect(shortly(items).toSorted((a, b) => Number(a) - Number(b))).toEqual(upTo(30))
    for (const { event, deliveries } of items) {
      expect(deliveries).toBe((event?.seq ?? 0) <= 20 ? 2 : 1)
    }
  })

  it('leaves to others what it has not begun: slow work is done once', async () => {
    await write(10, 1)
    const seen: number[] = []
    const controller = new AbortController()
    const work = async (consumer: string): Promise<void> => {
      for await (const item of consume({ consumer, minIdle: '1s', signal: controller.signal })) {
        seen.push(item.event?.seq ?? NaN)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
    const first = work('c1')
    await waitFor(() => seen.length === 1)
    const before = performance.now()
    const second = work('c2')
    await waitFor(() => seen.length === 10)
    // Two at a time: half of the two seconds that one needs.
    expect(performance.now() - before).toBeLessThan(1_600)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    controller.abort()
    await Promise.all([first, second])
    expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(10))
  }, 20_000)

  it('ends with what onError throws, whichever call it is told of', async () => {
    await write(20)
    const server = new URL(await redisUrl())
    const rights = ['on', '>pw', '~*', '&*', '+@all', '-xack']
    await client.call('ACL', 'SETUSER', stream, ...rights)
    const items = consume({
      client: {
        host: server.hostname,
        port: Number(server.port),
        username: stream,
        password: 'pw',
      },
      onError: (error) => {
        throw new Error(`not heard: ${error.operation}`)
      },
    })
    await expect(
      (async () => {
        for await (const item of items) expect(item.type).toBe('event')
      })(),
    ).rejects.toThrow('not heard: acknowledge events')
    await client.call('ACL', 'DELUSER', stream)
  })

  it('tells onError that it may not acknowledge', async () => {
    await write(10)
    const user = `${stream}-user`
    await client.acl('SETUSER', user, 'on', '>secret', '~*', '&*', '+@all', '-xack')
    try {
      const errors: string[] = []
      const { host = '', port = 0 } = client.options
      const items = consume({
        client: { host, port, username: user, password: 'secret' },
        onError: (error) => errors.push(`${error.reason}: ${error.message}`),
      })
      for (let count = 0; count < 10; count++) await items.next()
      const next = items.next()
      await waitFor(() => errors.length > 0)
      expect(errors[0]).toMatch(/^access_denied: .*acknowledge events.*NOPERM/)
      await write(1, 1, 11)
      await next
      await items.return()
    } finally {
      await client.acl('DELUSER', user)
    }
  })

  it('acknowledges what the filter leaves out, and what is not ours', async () => {
    await write(20)
    await client.xadd(stream, '*', 'other', 'thing')
    await client.xadd(stream, '*', 'other', 'thing')
    await write(1, 1, 21)
    const items: ConsumedItem[] = []
    const controller = new AbortController()
    const options = { minLevel: 'warning', signal: controller.signal } as const
    for await (const item of consume(options)) {
      items.push(item)
      if (item.event?.seq === 21) setTimeout(() => controller.abort(), 20)
    }
    expect(shortly(items)).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 'not_ours', 21])
    expect(await pending()).toBe(0)
  })

  it('begins where it is told: now, at the start, or after an entry', async () => {
    await write(20)
    const [entry] = await client.xrange(stream, '-', '+', 'COUNT', 1)
    const first = entry?.[0] ?? ''
    expect(shortly(await take(consume({ group: 'a', from: first }), 10))).toEqual(upTo(10, 11))
    const now = consume({ group: 'b', from: 'now' }).next()
    await waitFor(async () => ((await client.xinfo('GROUPS', stream)) as unknown[]).length === 2)
    await write(1, 1, 21)
    expect((await now).value).toMatchObject({ event: { seq: 21 } })
  })

  it('makes its group again when it was deleted, with all that is in the stream then', async () => {
    await write(10)
    const items = consume()
    expect(shortly(await firstOf(items, 10))).toEqual(upTo(10))
    const more = items.next()
    await client.del(stream)
    await write(20, 10, 11)
    expect((await more).value).toMatchObject({ event: { seq: 11 } })
    expect(shortly(await firstOf(items, 19))).toEqual(upTo(19, 12))
    await items.return()
  })

  it('says when an entry that it was given has been trimmed', async () => {
    await write(20)
    await take(consume({ ack: 'manual' }), 11)
    await client.xtrim(stream, 'MAXLEN', 1)
    const [gap, next] = await take(consume(), 2)
    expect(gap).toMatchObject({ type: 'gap', reason: 'trimmed', count: undefined })
    expect(next).toMatchObject({ type: 'event', event: { seq: 11 }, deliveries: 2 })
  })

  it.each<[string, object, string]>([
    ['no group', { group: '' }, 'group'],
    ['no consumer', { consumer: 7 }, 'consumer'],
    ['another way to acknowledge', { ack: 'never' }, 'ack'],
    ['a wrong time', { minIdle: 'soon' }, 'minIdle'],
  ])('refuses %s', (_title, options, option) => {
    expect(() => consume(options as Partial<ConsumeEventsOptions>)).toThrow(
      `consumeEvents: option "${option}`,
    )
  })
})

/** The next items, without leaving the loop. */
async function firstOf(
  items: AsyncGenerator<ConsumedItem, void, undefined>,
  count: number,
): Promise<ConsumedItem[]> {
  const taken: ConsumedItem[] = []
  while (taken.length < count) taken.push((await items.next()).value as ConsumedItem)
  return taken
}
