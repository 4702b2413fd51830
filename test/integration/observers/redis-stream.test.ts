import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import type { RedisStreamObserverOptions } from '../../../src/observers/redis-stream.ts'
import { readEvents, type ReadEventsOptions } from '../../../src/observers/redis-stream/read.ts'
import type { StreamItem } from '../../../src/observers/stream/item.ts'
import type { StreamObserver } from '../../../src/observers/stream/observer.ts'
import { observerCases } from '../../../src/testing/observer-cases.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import {
  executorClosed,
  logEvent,
  shortly,
  startedEvent,
  take,
  upTo,
} from '../../support/stream-events.ts'

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
    const [entry = ''] = items[60]?.id.split(':') ?? []
    expect(shortly(await take(read({ from: entry }), 20))).toEqual(upTo(20, 101))
  })

  it("gives what is written from now on, and all of several writers' events in their order", async () => {
    const [one, two] = [observe(), observe()]
    one.onEvent(logEvent(1))
    await one.flush()
    const items = readEvents({ client, stream })
    const first = items.next()
    // Where "now" is has been looked up when its own wait shows.
    await waitFor(async () => String(await client.client('LIST')).includes('cmd=xread'))
    for (const seq of upTo(300, 2)) {
      one.onEvent(logEvent(seq, { executorId: 'one' }))
      two.onEvent(logEvent(seq, { executorId: 'two' }))
      if (seq % 7 === 0) await one.flush()
    }
    await Promise.all([one.close(), two.close()])
    const all = [(await first).value as StreamItem, ...(await take(items, 599))]
    for (const executorId of ['one', 'two']) {
      const theirs = all.filter((item) => item.event?.executorId === executorId)
      expect(shortly(theirs)).toEqual(upTo(300, 2))
    }
  })

  it('gives two readers the same, at their own speed', async () => {
    const observer = observe()
    for (const seq of upTo(500)) {
      observer.onEvent(logEvent(seq))
      if (seq % 30 === 0) await observer.flush()
    }
    await observer.close()
    const slowly: StreamItem[] = []
    const [fast] = await Promise.all([
      take(read(), 500),
      (async () => {
        for await (const item of read()) {
          slowly.push(item)
          if (slowly.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
          if (slowly.length === 500) break
        }
      })(),
    ])
    expect(slowly).toEqual(fast)
  })

  it('filters by level, rules, type, task, id and tags', async () => {
    const observer = observe({ minLevel: 'debug' })
    observer.onEvent(
      logEvent(1, { level: 'debug', taskName: 'billing.charge', tags: { plan: 'pro' } }),
    )
    observer.onEvent(logEvent(2, { level: 'warning', taskName: 'mail', taskId: 'other' }))
    observer.onEvent(
      logEvent(3, { level: 'error', taskName: 'billing.refund', tags: { plan: 'free' } }),
    )
    observer.onEvent(startedEvent(4))
    observer.onEvent(executorClosed(5))
    await observer.close()
    const seqs = async (options: Partial<ReadEventsOptions>) => shortly(await all(options))
    expect(await seqs({})).toEqual([1, 2, 3, 4, 5])
    expect(await seqs({ minLevel: 'warn' })).toEqual([2, 3])
    expect(await seqs({ minLevel: { default: 'error', 'billing.*': 'debug' } })).toEqual([1, 3])
    expect(await seqs({ minLevel: { default: 'error', 'tag:plan=pro': 'debug' } })).toEqual([1, 3])
    expect(await seqs({ minLevel: 'error', types: ['attempt.started'] })).toEqual([3, 4])
  })

  it.each<[string, Partial<ReadEventsOptions>, number[]]>([
    ['types alone', { types: ['attempt.started', 'executor.closed'] }, [4, 5]],
    ['task', { task: 'billing.*' }, [1, 3]],
    ['taskId', { taskId: 'other' }, [2]],
    ['tags', { tags: { plan: 'pro' } }, [1]],
    ['tags and level', { tags: { plan: 'free' }, minLevel: 'error' }, [3]],
  ])('filters by %s, and gives nothing else', async (_title, options, expected) => {
    const observer = observe({ minLevel: 'debug' })
    observer.onEvent(
      logEvent(1, { level: 'debug', taskName: 'billing.charge', tags: { plan: 'pro' } }),
    )
    observer.onEvent(logEvent(2, { level: 'warning', taskName: 'mail', taskId: 'other' }))
    observer.onEvent(
      logEvent(3, { level: 'error', taskName: 'billing.refund', tags: { plan: 'free' } }),
    )
    observer.onEvent(startedEvent(4))
    observer.onEvent(executorClosed(5))
    await observer.close()
    const items = read(options)
    expect(shortly(await take(items, expected.length))).toEqual(expected)
    const more = read({ ...options, signal: AbortSignal.timeout(300) })
    const seen: StreamItem[] = []
    for await (const item of more) seen.push(item)
    expect(shortly(seen)).toEqual(expected)
  })

  it('says how many events have been trimmed, and of whom', async () => {
    const observer = observe({ maxLen: 1 })
    const items = read()
    for (const seq of upTo(1_000)) {
      observer.onEvent(logEvent(seq))
      if (seq === 10) {
        await observer.flush()
        expect(shortly(await take(read(), 10))).toEqual(upTo(10))
        expect((await items.next()).value).toMatchObject({ type: 'event', event: { seq: 1 } })
      }
      if (seq % 40 === 0) await observer.flush()
    }
    await observer.close()
    const rest = [...(await take(items, 9)), ...(await take(read({ from: 'start' }), 1))]
    expect(shortly(rest.slice(0, 9))).toEqual(upTo(9, 2))
    expect(rest.at(-1)).toMatchObject({ type: 'gap', reason: 'trimmed', count: 960 })
  })

  it('tells a running reader of what was trimmed before it came to it', async () => {
    const observer = observe()
    const items = read()
    observer.onEvent(logEvent(1))
    await observer.flush()
    expect((await items.next()).value).toMatchObject({ event: { seq: 1 } })
    for (const seq of upTo(100, 2)) observer.onEvent(logEvent(seq))
    await observer.flush()
    await client.xtrim(stream, 'MAXLEN', 0)
    observer.onEvent(logEvent(102))
    await observer.close()
    const [gap, after] = await take(items, 2)
    expect(gap).toMatchObject({ type: 'gap', reason: 'trimmed', count: 100 })
    expect(after).toMatchObject({ type: 'event', event: { seq: 102 }, number: 102 })
  })

  it('says when the entry that it should go on after has been trimmed, and goes on', async () => {
    const observer = observe()
    for (const seq of upTo(100)) observer.onEvent(logEvent(seq))
    await observer.close()
    const [first] = await take(read(), 1)
    await client.xtrim(stream, 'MAXLEN', 1)
    const [gap, next] = await take(read({ from: first?.id ?? '' }), 2)
    expect(gap).toMatchObject({ type: 'gap', reason: 'trimmed', count: undefined })
    expect(next).toMatchObject({ type: 'event', event: { seq: 51 } })
    expect(shortly(await take(read({ from: gap?.id ?? '' }), 1))).toEqual([51])
  })

  it('says when the entry in whose middle it should go on has been deleted, and no other', async () => {
    const observer = observe()
    for (const seq of upTo(150)) observer.onEvent(logEvent(seq))
    await observer.close()
    const items = await take(read(), 150)
    const [entry = ''] = items[60]?.id.split(':') ?? []
    await client.xdel(stream, entry)
    const [gap, ...rest] = await take(read({ from: items[60]?.id ?? '' }), 51)
    expect(gap).toMatchObject({ type: 'gap', reason: 'lost', count: undefined })
    expect(shortly(rest)).toEqual(upTo(50, 101))
    // After all of an entry nothing is missing.
    expect(shortly(await take(read({ from: entry }), 50))).toEqual(upTo(50, 101))
    const resumed = await take(read({ from: gap?.id ?? '' }), 50)
    expect(shortly(resumed)).toEqual(upTo(50, 101))
  })

  it('says what somebody else has deleted', async () => {
    const observer = observe()
    for (const seq of upTo(150)) observer.onEvent(logEvent(seq))
    await observer.close()
    const [, middle] = await client.xrange(stream, '-', '+')
    await client.xdel(stream, middle?.[0] ?? '')
    const items = await take(read(), 101)
    expect(items[50]).toMatchObject({ type: 'gap', reason: 'lost', count: 50 })
    expect(shortly(items.slice(51))).toEqual(upTo(50, 101))
  })

  it('passes over what is not ours, told once for each reason, and events that it does not know', async () => {
    const observer = observe()
    const add = (...fields: string[]) => client.xadd(stream, '*', ...fields)
    for (const text of ['{', '[]', 'null', '{"v":1}', '{"v":1,"writer":"w","first":2,"last":1}']) {
      await add('plainsight', text)
    }
    await add('plainsight', '{"v":1,"writer":"w","first":1,"last":2,"events":[1]}')
    await add('other', 'thing', 'plainsight', '{}')
    await add('plainsight', '{"v":2,"writer":"w","anything":1}')
    await add('plainsight', '{"v":2,"writer":"w","anything":1}')
    const { type: _, ...rest } = logEvent(7)
    const events = [{ ...rest, type: 'task.invented', more: 1 }, null, { type: 'task.log' }]
    await add('plainsight', JSON.stringify({ v: 1, writer: 'w', first: 1, last: 3, events }))
    observer.onEvent(logEvent(8))
    await observer.close()
    const items = await take(read(), 4)
    expect(shortly(items)).toEqual(['not_ours', 'newer_version', 7, 8])
    expect(items[2]).toMatchObject({ event: { type: 'task.invented', more: 1 } })
  })

  it('ends with its signal: before, while it waits, and between two items', async () => {
    const observer = observe()
    observer.onEvent(logEvent(1))
    observer.onEvent(logEvent(2))
    await observer.close()
    expect(await read({ signal: AbortSignal.abort() }).next()).toEqual({
      done: true,
      value: undefined,
    })
    const controller = new AbortController()
    const items = read({ signal: controller.signal })
    expect((await items.next()).done).toBe(false)
    expect((await items.next()).done).toBe(false)
    const last = items.next()
    setTimeout(() => controller.abort(), 50)
    const before = performance.now()
    expect(await last).toEqual({ done: true, value: undefined })
    expect(performance.now() - before).toBeLessThan(500)
    await waitFor(async () => !String(await client.client('LIST')).includes('plainsight-reader'))
  })

  it('gives nothing more once its signal has aborted, whatever it has read', async () => {
    const observer = observe()
    for (const seq of upTo(60)) observer.onEvent(logEvent(seq))
    await observer.close()
    const controller = new AbortController()
    const items: StreamItem[] = []
    for await (const item of read({ signal: controller.signal })) {
      items.push(item)
      if (items.length === 3) controller.abort()
    }
    expect(shortly(items)).toEqual([1, 2, 3])
  })

  it('goes on after an entry that is not ours', async () => {
    await client.xadd(stream, '*', 'other', 'thing')
    const observer = observe()
    observer.onEvent(logEvent(1))
    await observer.close()
    const [foreign] = await take(read(), 1)
    expect(foreign).toMatchObject({ type: 'foreign' })
    expect(shortly(await take(read({ from: foreign?.id ?? '' }), 1))).toEqual([1])
  })

  it("understands Redis' own words for where to begin", async () => {
    const observer = observe()
    for (const seq of upTo(60)) observer.onEvent(logEvent(seq))
    await observer.flush()
    for (const from of ['0', '0-0']) expect(shortly(await take(read({ from }), 1))).toEqual([1])
    const [entry = ''] = (await take(read(), 1))[0]?.id.split(':') ?? []
    expect(shortly(await take(read({ from: entry }), 1))).toEqual([51])
  })

  it('closes its connection when the loop is left', async () => {
    const observer = observe()
    observer.onEvent(logEvent(1))
    await observer.close()
    for await (const item of read()) {
      expect(item.type).toBe('event')
      expect(String(await client.client('LIST'))).toContain('plainsight-reader')
      break
    }
    await waitFor(async () => !String(await client.client('LIST')).includes('plainsight-reader'))
  })

  it('uses the prefix of the client, like the observer', async () => {
    const prefixed = new Redis(await redisUrl(), { keyPrefix: `${stream}:` })
    const observer = observe({ client: prefixed, stream: 'events' })
    observer.onEvent(logEvent(1))
    await observer.close()
    expect(await client.xlen(`${stream}:events`)).toBe(1)
    const items = await take(read({ client: prefixed, stream: 'events' }), 1)
    expect(shortly(items)).toEqual([1])
    await prefixed.quit()
  })

  it.each<[string, object, string]>([
    ['no client', { client: 7 }, 'client'],
    ['a URL that is none', { client: 'http://localhost' }, 'client'],
    ['an empty stream', { stream: '' }, 'stream'],
    ['a stream with a lonely brace', { stream: 'a{b' }, 'stream'],
    ['a wrong from', { from: 'yesterday' }, 'from'],
    ['an id of another kind', { from: '7:1' }, 'from'],
    ['an id that no entry can have', { from: '18446744073709551616-0' }, 'from'],
    ['an unknown level', { minLevel: 'loud' }, 'minLevel'],
    ['an unknown type', { types: ['task.gone'] }, 'types'],
    ['a tag that is no string', { tags: { a: 1 } }, 'tags'],
    ['an unknown option', { block: 1 }, 'block'],
  ])('refuses %s', (_title, options, option) => {
    expect(() => readEvents({ client, stream, ...options })).toThrow(
      `readEvents: option "${option}`,
    )
  })
})
