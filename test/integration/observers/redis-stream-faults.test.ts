import { Redis } from 'ioredis'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RedisSource } from '../../../src/connections/redis.ts'
import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import type { RedisStreamObserverOptions } from '../../../src/observers/redis-stream.ts'
import { consumeEvents } from '../../../src/observers/redis-stream/consume.ts'
import { readEvents } from '../../../src/observers/redis-stream/read.ts'
import { redisSink } from '../../../src/observers/redis-stream/sink.ts'
import type { StreamItem } from '../../../src/observers/stream/item.ts'
import type { StreamObserver } from '../../../src/observers/stream/observer.ts'
import type { BackendUnavailableError } from '../../../src/task/errors.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { startRedis, type RedisServer } from '../../support/redis-server.ts'
import { freshPrefix } from '../../support/shared-redis.ts'
import { logEvent, shortly, startedEvent, take, upTo } from '../../support/stream-events.ts'
import { tcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

let server: RedisServer
let admin: Redis
let proxy: TcpProxy
let through = ''
let stream = ''
let reports: string[] = []
let observers: StreamObserver[] = []

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  admin = new Redis(server.url)
  proxy = await tcpProxy(server.port)
  through = `redis://127.0.0.1:${proxy.port}`
  stream = freshPrefix()
  reports = []
  observers = []
})
afterEach(async () => {
  for (const observer of observers) await observer.close()
  await proxy.close()
  await admin.quit()
})

function observe(
  client: RedisSource = through,
  options: Partial<RedisStreamObserverOptions> = {},
): StreamObserver {
  const observer = redisStreamObserver({ client, stream, maxLen: Infinity, ...options })
  observer.start({ report: (error) => reports.push(String(error)) })
  observers.push(observer)
  return observer
}

const read = (client: RedisSource = server.url, from = 'start') =>
  readEvents({ client, stream, from })

const delivered = (observer: StreamObserver, count: number) =>
  waitFor(() => observer.counts().delivered === count, { timeout: '20s' })

describe('a stream whose connections break', () => {
  it('has each event of two writers once, through 60 resets and a restart, and so has its reader', async () => {
    const controller = new AbortController()
    const items: StreamItem[] = []
    const reading = (async () => {
      for await (const item of readEvents({
        client: through,
        stream,
        from: 'start',
        signal: controller.signal,
      })) {
        items.push(item)
      }
    })()
    let one = observe()
    const two = observe()
    let seq = 0
    for (let reset = 0; reset < 60; reset++) {
      for (let turn = 0; turn < 5; turn++) {
        for (let count = 0; count < 7; count++) {
          seq += 1
          one.onEvent(logEvent(seq, { executorId: 'one' }))
          two.onEvent(logEvent(seq, { executorId: 'two' }))
        }
        await sleep(Math.random() * 8)
        if (turn === reset % 5) proxy.reset()
      }
      if (reset === 30) {
        await one.flush()
        await one.close()
        expect(one.counts()).toMatchObject({ dropped: 0, queued: 0 })
        one = observe()
      }
    }
    await waitFor(() => one.counts().queued + two.counts().queued === 0, { timeout: '20s' })
    await waitFor(() => items.length >= 2 * seq, { timeout: '20s' })
    await sleep(100)
    controller.abort()
    await reading
    const stored = await take(read(), 2 * seq)
    for (const list of [stored, items]) {
      for (const executorId of ['one', 'two']) {
        const theirs = list.filter((item) => item.event?.executorId === executorId)
        expect(shortly(theirs)).toEqual(upTo(seq))
      }
      expect(list).toHaveLength(2 * seq)
    }
  }, 60_000)

  it('does not store a batch again whose answer was lost', async () => {
    const observer = observe()
    observer.onEvent(logEvent(1))
    await observer.flush()
    for (let round = 0; round < 5; round++) {
      proxy.blackHole('to-client')
      for (const seq of upTo(60, 2 + round * 60)) observer.onEvent(logEvent(seq))
      await waitFor(async () => (await admin.xlen(stream)) === 1 + (round + 1) * 2)
      proxy.heal()
      proxy.reset()
      await delivered(observer, 1 + (round + 1) * 60)
    }
    expect(shortly(await take(read(), 301))).toEqual(upTo(301))
    expect(await admin.xlen(stream)).toBe(11)
  }, 30_000)

  it('is written and read again within 25 s after a link died without a word', async () => {
    const observer = observe()
    const items = read(through)
    observer.onEvent(logEvent(1))
    expect((await items.next()).value).toMatchObject({ event: { seq: 1 } })
    const next = items.next()
    await sleep(50)
    proxy.blackHole()
    observer.onEvent(logEvent(2))
    await sleep(50)
    proxy.heal()
    const since = performance.now()
    expect((await next).value).toMatchObject({ event: { seq: 2 } })
    expect(performance.now() - since).toBeLessThan(25_000)
    await items.return()
  }, 40_000)

  it('comes back within 5 s when Redis does, with all that waited', async () => {
    const observer = observe()
    observer.onEvent(logEvent(1))
    await observer.flush()
    proxy.refuse()
    for (const seq of upTo(200, 2)) {
      observer.onEvent(logEvent(seq))
      await sleep(5)
    }
    await waitFor(() => reports.length > 0)
    expect(reports[0]).toMatch(
      /^BackendUnavailableError: redis backend, write events: stream "test-.*" at 127\.0\.0\.1:\d+: .*; check that Redis runs at this address/,
    )
    proxy.heal()
    const since = performance.now()
    await delivered(observer, 201)
    expect(performance.now() - since).toBeLessThan(5_000)
    expect(shortly(await take(read(), 201))).toEqual(upTo(201))
  }, 30_000)

  it('says how many events are missing where they would be, when the buffer was full', async () => {
    const observer = observe(through, { maxQueue: 100 })
    observer.onEvent(logEvent(1))
    await observer.flush()
    proxy.refuse()
    for (const seq of upTo(500, 2))
      observer.onEvent(seq % 10 === 0 ? startedEvent(seq) : logEvent(seq))
    await sleep(200)
    for (const seq of upTo(500, 502))
      observer.onEvent(seq % 10 === 0 ? startedEvent(seq) : logEvent(seq))
    const { dropped } = observer.counts()
    expect(dropped).toBeGreaterThan(700)
    proxy.heal()
    await delivered(observer, 1_001 - dropped)
    await observer.close()
    expect(observer.counts()).toMatchObject({ dropped, queued: 0, failed: 0 })
    const items: StreamItem[] = []
    let missing = 0
    for await (const item of read()) {
      items.push(item)
      if (item.type === 'gap') missing += item.count ?? NaN
      if (items.filter(({ type }) => type === 'event').length + missing === 1_001) break
    }
    expect(missing).toBe(dropped)
    expect(items.every((item) => item.type !== 'gap' || item.reason === 'dropped')).toBe(true)
    const seqs = items.flatMap((item) => item.event?.seq ?? [])
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
  }, 30_000)

  it.each(['is there', 'refuses', 'is silent from the beginning'])(
    'lets its process end when nobody closes it, and Redis %s',
    async (what) => {
      if (what === 'refuses') proxy.refuse()
      if (what === 'is silent from the beginning') proxy.blackHole()
      const child = startChild(join(import.meta.dirname, 'redis-stream-program.ts'), [
        through,
        stream,
      ])
      expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
      const [ms = NaN, stored] = (child.lines[0] ?? '').split(' ').map(Number)
      expect(stored).toBe(what === 'is there' ? 10 : 0)
      expect(ms).toBeLessThan(10_000)
    },
    30_000,
  )

  it('closes within 2 s while Redis is frozen, and the process is not held', async () => {
    const observer = observe(server.url)
    observer.onEvent(logEvent(1))
    await observer.flush()
    server.signal('SIGSTOP')
    try {
      observer.onEvent(logEvent(2))
      const before = performance.now()
      await observer.close()
      expect(performance.now() - before).toBeLessThan(2_000)
      expect(observer.counts()).toMatchObject({ delivered: 1, dropped: 1, queued: 0 })
    } finally {
      server.signal('SIGCONT')
    }
  })
})

/** What goes wrong, and how it is mended. */
const refusals: readonly {
  readonly what: string
  readonly says: RegExp
  readonly spoil: () => Promise<unknown>
  readonly mend: () => Promise<unknown>
}[] = [
  {
    what: 'a key of another type',
    says: /WRONGTYPE .*; the key holds something of another kind; choose another name/,
    spoil: () => admin.set(stream, 'text'),
    mend: () => admin.del(stream),
  },
  {
    what: 'a Redis that is full',
    says: /OOM command not allowed.*; Redis has reached its maxmemory/,
    spoil: () => admin.config('SET', 'maxmemory', '1'),
    mend: () => admin.config('SET', 'maxmemory', '0'),
  },
  {
    what: 'a replica',
    says: /READONLY .*; this is a replica/,
    spoil: () => admin.replicaof('127.0.0.1', 1),
    mend: () => admin.replicaof('NO', 'ONE'),
  },
  {
    what: 'a user who may not write',
    says: /(NOPERM|can't run this command).*; the user may not do this/,
    spoil: () => admin.acl('SETUSER', 'default', '-xadd'),
    mend: () => admin.acl('SETUSER', 'default', '+@all'),
  },
  {
    what: 'a password that is wrong',
    says: /(WRONGPASS|NOAUTH).*; check user name and password/,
    spoil: async () => {
      await admin.config('SET', 'requirepass', 'secret')
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    },
    mend: () => admin.config('SET', 'requirepass', ''),
  },
]

describe('a stream that Redis refuses', () => {
  it.each(refusals)(
    'because of $what: says so, and goes on when it is mended',
    async (each) => {
      const observer = observe(server.url)
      await each.spoil()
      try {
        observer.onEvent(logEvent(1))
        await waitFor(() => reports.some((report) => each.says.test(report))).catch(
          (error: unknown) => {
            throw new Error(`reported: ${reports.join('\n')}`, { cause: error })
          },
        )
      } finally {
        await each.mend()
      }
      observer.onEvent(logEvent(2))
      await delivered(observer, 2)
      expect(shortly(await take(read(), 2))).toEqual([1, 2])
      expect(reports.join()).not.toContain('secret')
    },
    20_000,
  )

  it('goes on after FLUSHALL, SCRIPT FLUSH and a deleted stream: nothing twice, nothing skipped', async () => {
    const observer = observe()
    observer.onEvent(logEvent(1))
    await observer.flush()
    await admin.flushall()
    observer.onEvent(logEvent(2))
    await observer.flush()
    await waitFor(() => reports.some((report) => report.includes('it was deleted or flushed')))
    await admin.script('FLUSH')
    observer.onEvent(logEvent(3))
    await observer.flush()
    await admin.del(stream)
    for (const seq of upTo(100, 4)) observer.onEvent(logEvent(seq))
    await observer.close()
    expect(observer.counts().delivered).toBe(103)
    const items = await take(read(), 101)
    expect(items[0]).toMatchObject({ type: 'gap', reason: 'trimmed', count: 3 })
    expect(shortly(items.slice(1))).toEqual(upTo(100, 4))
  })

  it('goes on when somebody has written over the number that it has stored', async () => {
    const observer = observe()
    for (const [index, text] of ['garbage', 'nan', 'inf'].entries()) {
      observer.onEvent(logEvent(2 * index + 1))
      await observer.flush()
      for (const key of await admin.keys(`${stream}:{${stream}}:writer:*`))
        await admin.set(key, text)
      observer.onEvent(logEvent(2 * index + 2))
      await delivered(observer, 2 * index + 2)
    }
    expect(reports).toHaveLength(3)
    expect(reports.join()).toContain('it was deleted or flushed')
    expect(shortly(await take(read(), 6))).toEqual(upTo(6))
  })

  it('needs no more rights than docs/event-streams.md says, on no other keys', async () => {
    const connection = '+hello +info +ping +client +select'
    const users = {
      writer: '+evalsha +eval +get +set +xadd',
      reader: '+xread +xrange +xrevrange +xinfo',
    }
    for (const [user, rights] of Object.entries(users)) {
      const all = `on >pw resetchannels ~${stream}* ${connection} ${rights}`.split(' ')
      await admin.call('ACL', 'SETUSER', user, ...all)
    }
    const as = (user: string): string => server.url.replace('//', `//${user}:pw@`)
    const observer = observe(as('writer'))
    observer.onEvent(logEvent(1))
    await observer.flush()
    expect(reports).toEqual([])
    expect(shortly(await take(read(as('reader')), 1))).toEqual(upTo(1))
    await admin.call('ACL', 'DELUSER', ...Object.keys(users))
  })

  it('stores each event once and in order while Redis refuses some of the scripts under way', async () => {
    const observer = observe(server.url, { maxQueue: 20_000 })
    const count = 20_000
    let isOver = false
    const disturb = (async () => {
      for (let round = 0; !isOver; round++) {
        if (round % 3 === 0) await admin.script('FLUSH')
        else {
          await admin.config('SET', 'maxmemory', 1)
          await sleep(round % 4)
          await admin.config('SET', 'maxmemory', 0)
        }
        await sleep(round % 5)
      }
    })()
    try {
      for (const seq of upTo(count)) observer.onEvent(logEvent(seq))
      await delivered(observer, count)
    } finally {
      isOver = true
      await disturb
    }
    const refused = reports.filter((report) => report.includes('OOM')).length
    expect(refused).toBeGreaterThan(0)
    expect(reports).toHaveLength(refused)
    expect(shortly(await take(read(), count))).toEqual(upTo(count))
  }, 60_000)

  it('stores nothing of what follows on a script that was refused', async () => {
    const sink = redisSink(server.url, stream, Infinity, 'test: ')
    try {
      const entry = (last: number) => [{ last, text: `{"last":${last}}` }]
      expect(await sink.append('w', entry(4), 2)).toBeUndefined()
      expect(await admin.xlen(stream)).toBe(0)
      expect(await sink.append('w', entry(2), 0)).toBeUndefined()
      expect(await sink.append('w', entry(6), 4)).toBe(2)
      expect(await admin.xlen(stream)).toBe(1)
      expect(await sink.append('w', entry(4), 2)).toBe(2)
      expect(await sink.append('w', entry(4), 2)).toBe(4)
      expect(await admin.xlen(stream)).toBe(2)
    } finally {
      sink.close()
    }
  })

  it('says that a port does not speak TLS, and stays alive', async () => {
    const observer = observe(`rediss://127.0.0.1:${server.port}`)
    observer.onEvent(logEvent(1))
    await waitFor(() => reports.some((report) => /whether its port speaks TLS/.test(report))).catch(
      () => {
        throw new Error(reports.join('\n'))
      },
    )
    await observer.close()
    expect(observer.counts()).toMatchObject({ dropped: 1 })
  })

  it('says that the port speaks something else, or nothing', async () => {
    const other = createServer((socket) => {
      socket.on('error', () => {}).resume()
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const observer = observe(`redis://127.0.0.1:${port}`)
    observer.onEvent(logEvent(1))
    await waitFor(() => reports.length > 0)
    expect(reports[0]).toMatch(/127\.0\.0\.1:\d+: .*; check the port, whether it speaks TLS/)
    await observer.close()
    await new Promise((resolve) => void other.close(resolve))
  })

  it('waits while Redis loads its data', async () => {
    const loading = await startRedis({ args: ['--appendonly', 'yes', '--save', ''] })
    try {
      const client = new Redis(loading.url)
      for (let round = 0; round < 20; round++) {
        await client.eval(
          "for i = 1, 2000 do redis.call('SET', KEYS[1] .. i, string.rep('x', 100)) end",
          1,
          `k${round}:`,
        )
      }
      client.disconnect()
      loading.signal('SIGKILL')
      await loading.ended
      const slowly = ['--key-load-delay', '10', '--loading-process-events-interval-bytes', '1024']
      await loading.restart(['--appendonly', 'yes', '--save', '', ...slowly])
      const observer = observe(loading.url)
      observer.onEvent(logEvent(1))
      await delivered(observer, 1)
      expect(shortly(await take(read(loading.url), 1))).toEqual([1])
      await observer.close()
    } finally {
      await loading.stop()
    }
  }, 60_000)
})

describe('a reader that Redis refuses', () => {
  it.each([
    ['a key of another type', 'wrong_type', () => admin.set(stream, 'text'), sameUrl],
    [
      'a wrong password',
      'access_denied',
      async () => {},
      (url: string) => url.replace('//', '//:wrong@'),
    ],
  ] as const)('throws at once for %s', async (_title, reason, spoil, urlOf) => {
    await spoil()
    if (reason === 'access_denied') await admin.acl('SETUSER', 'default', 'resetpass', '>right')
    try {
      for (const items of [
        readEvents({ client: urlOf(server.url), stream }),
        readEvents({ client: urlOf(server.url), stream, from: 'start' }),
        consumeEvents({ client: urlOf(server.url), stream, group: 'g', consumer: 'c' }),
      ]) {
        await expect(items.next()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', reason })
      }
    } finally {
      await admin.acl('SETUSER', 'default', 'nopass')
      await admin.del(stream)
    }
  })

  it('goes on when Redis was away, told by onError, with what came meanwhile', async () => {
    const errors: BackendUnavailableError[] = []
    const items = readEvents({
      client: through,
      stream,
      from: 'start',
      onError: (error) => errors.push(error),
    })
    const observer = observe(server.url)
    observer.onEvent(logEvent(1))
    expect((await items.next()).value).toMatchObject({ event: { seq: 1 } })
    const next = items.next()
    await sleep(20)
    proxy.refuse()
    await waitFor(() => errors.length > 1)
    expect(errors[0]?.message).toMatch(
      /^redis backend, read events: stream ".*" at 127\.0\.0\.1:\d+: /,
    )
    observer.onEvent(logEvent(2))
    await observer.flush()
    proxy.heal()
    expect((await next).value).toMatchObject({ event: { seq: 2 } })
    await items.return()
  }, 20_000)

  it('says that its server has become a replica when that ends its waiting', async () => {
    const errors: BackendUnavailableError[] = []
    const controller = new AbortController()
    const items = readEvents({
      client: server.url,
      stream,
      signal: controller.signal,
      onError: (error) => errors.push(error),
    })
    const next = items.next()
    await waitFor(async () => (await admin.info('clients')).includes('blocked_clients:1'))
    try {
      await admin.replicaof('127.0.0.1', 1)
      await waitFor(() => errors.length > 0)
      expect(errors[0]).toMatchObject({ reason: 'read_only' })
    } finally {
      await admin.replicaof('NO', 'ONE')
    }
    controller.abort()
    expect((await next).done).toBe(true)
  })

  it('goes on in a stream that begins anew with earlier ids', async () => {
    const isWaiting = async () => String(await admin.client('LIST')).includes('cmd=xread')
    await admin.xadd(stream, '99999999999999-0', 'other', 'thing')
    const observer = observe(server.url)
    const running = read(server.url, '$')
    const next = running.next()
    await waitFor(isWaiting)
    const resumed = read(server.url, '99999999999999-0:0')
    const gap = resumed.next()
    await admin.del(stream)
    for (const seq of upTo(3)) observer.onEvent(logEvent(seq))
    await observer.flush()
    expect((await next).value).toMatchObject({ event: { seq: 1 }, number: 1 })
    expect((await gap).value).toMatchObject({ type: 'gap', reason: 'lost', count: undefined })
    expect(shortly(await take(running, 2))).toEqual([2, 3])
    expect(shortly(await take(resumed, 3))).toEqual([1, 2, 3])
  }, 20_000)

  it('reads no more than it needs, however slow the loop is', async () => {
    const observer = observe(server.url)
    const message = 'x'.repeat(10_000)
    for (const seq of upTo(5_000)) {
      observer.onEvent(logEvent(seq, { message }))
      if (seq % 500 === 0) await observer.flush()
    }
    await observer.close()
    const sent = async () =>
      Number(/total_net_output_bytes:(\d+)/.exec(await admin.info('stats'))?.[1])
    const before = await sent()
    const items = read()
    for (const seq of upTo(10)) expect((await items.next()).value).toMatchObject({ event: { seq } })
    await sleep(300)
    // Of 50 MB, the 20 entries of one look.
    expect((await sent()) - before).toBeLessThan(8_000_000)
    await items.return()
  })
})

function sameUrl(url: string): string {
  return url
}
