import { rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WHOLE_SCRIPT } from '../../../src/backends/redis/script.ts'
import { redisBackend, type RedisBackendOptions } from '../../../src/redis.ts'
import {
  A,
  B,
  endOf,
  insertOne,
  keyedRecord,
  newRecord,
  NOW,
  patchOf,
} from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { freePort } from '../../support/free-port.ts'
import { adminOf, openBackend, refusalOf, testServer } from '../../support/redis-backends.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'

const CLAIM = { names: ['send-mail'], limit: 10, dueBefore: NOW }

describe('opening', () => {
  test('without a server is refused as unreachable, within its bound, naming the place and the next step', async () => {
    const port = await freePort()
    const backend = redisBackend({ client: `redis://ada:secret@127.0.0.1:${port}` })
    const { error, ms } = await refusalOf(() => backend.open(A))
    expect(error.reason).toBe('unreachable')
    expect(ms).toBeLessThan(4_000)
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('check that Redis runs')
    expect(error.message).not.toContain('secret')
  })

  test('at a host that says nothing is refused within its bound, and can be tried again', async () => {
    const silent = createServer(() => {})
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => resolve((silent.address() as AddressInfo).port))
    })
    onTestFinished(() => void silent.close())
    const backend = redisBackend({ client: { host: '127.0.0.1', port } })
    for (let tries = 0; tries < 2; tries++) {
      const { error, ms } = await refusalOf(() => backend.open(A))
      expect(error.reason).toMatch(/unreachable|timeout/)
      expect(ms).toBeLessThan(4_500)
    }
  })

  test('with a wrong password is refused as access_denied', async () => {
    const server = await testServer({ args: ['--save', '', '--requirepass', 'right'] })
    for (const client of [`redis://:wrong@127.0.0.1:${server.port}`, server.url]) {
      const { error } = await refusalOf(() => redisBackend({ client }).open(A))
      expect(error.reason).toBe('access_denied')
      expect(error.message).not.toContain('wrong@')
      expect(error.message).toContain('password')
    }
    await openBackend({ client: { port: server.port, password: 'right' } })
  })

  test.each(['zadd', 'hincrby', 'zmscore', 'unlink'])(
    'a user who may do all but %s is refused, instead of doing half of a write later',
    async (command) => {
      const server = await testServer()
      const admin = adminOf(server)
      const rights = ['on', '>pw', '~*', '&*', '+@all', `-${command}`]
      await admin.call('ACL', ['SETUSER', 'ada', ...rights])
      const client = { port: server.port, username: 'ada', password: 'pw' }
      const { error } = await refusalOf(() => redisBackend({ client }).open(A))
      expect(error.reason).toBe('access_denied')
      expect(error.message).toContain('ACL')
      await admin.call('ACL', ['SETUSER', 'ada', `+${command}`])
      await openBackend({ client })
      const keys = await admin.keys('*')
      expect(keys.toSorted()).toEqual(['{plainsight}:meta', '{plainsight}:owners'])
    },
  )

  test('what was sent is in no error, be it a password or an input', async () => {
    const server = await testServer({ args: ['--save', '', '--requirepass', 'right'] })
    const shown = (error: unknown): string => inspect(error, { depth: 20, showHidden: true })
    const wrong = { port: server.port, username: 'ada', password: 'hunter2' }
    const { error } = await refusalOf(() => redisBackend({ client: wrong }).open(A))
    expect(error.cause).toMatchObject({ message: expect.stringContaining('WRONGPASS') })
    expect(shown(error)).not.toContain('hunter2')
    const right = { port: server.port, password: 'right' }
    const backend = await openBackend({ client: right })
    const admin = new Redis(right)
    onTestFinished(() => admin.disconnect())
    await admin.config('SET', 'maxmemory', '1')
    const record = newRecord(A, { inputJson: '"a secret"' })
    const full = await refusalOf(() => backend.insert([record]))
    expect(full.error.reason).toBe('full')
    expect(shown(full.error)).not.toContain('a secret')
  })

  test.each([
    'redis://:hunter2@127.0.0.1:port',
    'redis://:hunter2@',
    'redis://:hunter2%zz@localhost',
    'redis://:hun/hunter2@localhost:6379',
    { url: 'redis://:hunter2@localhost' },
    { client: 'redis://localhost', password: 'hunter2' },
    'as the only argument',
  ])('what cannot be read is refused without showing a password: %j', (given) => {
    const isOptions = typeof given === 'object'
    const url = given === 'as the only argument' ? 'redis://:hunter2@localhost' : undefined
    let refusal: unknown
    try {
      redisBackend((url ?? (isOptions ? given : { client: given })) as RedisBackendOptions)
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ code: 'INVALID_OPTIONS' })
    expect(inspect(refusal, { depth: 20, showHidden: true })).not.toContain('hunter2')
  })

  test('with TLS at a plain port is refused as unreachable, saying so', async () => {
    const server = await testServer()
    const { error } = await refusalOf(() =>
      redisBackend({ client: `rediss://127.0.0.1:${server.port}` }).open(A),
    )
    expect(error.reason).toBe('unreachable')
    expect(error.message).toContain('TLS')
  })

  test('over a key of another type is refused as wrong_type, and nothing is changed', async () => {
    const server = await testServer()
    const admin = adminOf(server)
    await admin.set('{mine}:spec', 'a text')
    const { error } = await refusalOf(() =>
      redisBackend({ client: server.url, prefix: 'mine' }).open(A),
    )
    expect(error.reason).toBe('wrong_type')
    expect(error.message).toContain('{mine}:spec')
    expect(await admin.keys('*')).toEqual(['{mine}:spec'])
  })

  test('over a hash of somebody else is refused as foreign_database, over newer records as newer_schema', async () => {
    const server = await testServer()
    const admin = adminOf(server)
    await admin.hset('{theirs}:meta', 'name', 'theirs')
    const foreign = await refusalOf(() =>
      redisBackend({ client: server.url, prefix: 'theirs' }).open(A),
    )
    expect(foreign.error.reason).toBe('foreign_database')
    await admin.hset('{newer}:meta', 'schema', '2', 'seq', '1')
    const newer = await refusalOf(() =>
      redisBackend({ client: server.url, prefix: 'newer' }).open(A),
    )
    expect(newer.error.reason).toBe('newer_schema')
    expect((await admin.keys('*')).toSorted()).toEqual(['{newer}:meta', '{theirs}:meta'])
  })

  test('an evicting server is refused, unless what it evicts is never ours', async () => {
    const server = await testServer()
    const admin = adminOf(server)
    await admin.config('SET', 'maxmemory', '100mb')
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    const { error } = await refusalOf(() => redisBackend({ client: server.url }).open(A))
    expect(error.reason).toBe('evicting')
    expect(error.message).toContain('allkeys-lru')
    await admin.config('SET', 'maxmemory-policy', 'volatile-lru')
    await openBackend({ client: server.url })
  })

  test.each([
    ['nothing', ['--save', ''], true],
    ['snapshots', ['--save', '60 1'], true],
    ['an append-only file', ['--appendonly', 'yes'], false],
  ] as const)(
    'a server that keeps %s on its disk is warned of, refused or ignored as the option says',
    async (_what, args, isLoss) => {
      const { url: client } = await testServer({ args })
      const backend = redisBackend({ client })
      const warnings: string[] = []
      backend.onWarning?.(({ reason }) => warnings.push(reason))
      await backend.open(A)
      await backend.close(A)
      expect(warnings).toEqual(isLoss ? ['not_durable'] : [])
      const strict = redisBackend({ client, durability: 'required' })
      if (isLoss) expect((await refusalOf(() => strict.open(A))).error.reason).toBe('not_durable')
      else await strict.open(A)
      await strict.close(A)
      const silent = redisBackend({ client, durability: 'ignore' })
      silent.onWarning?.(({ reason }) => warnings.push(reason))
      await silent.open(A)
      await silent.close(A)
      expect(warnings.length).toBe(isLoss ? 1 : 0)
    },
  )

  test.each([
    ['what docs/redis.md lists', ['&{mine}:*', '+config|get']],
    ['neither the channel nor the settings', []],
  ] as const)(
    'a user who may do no more than use the keys and %s can work, and is told where not',
    async (_what, more) => {
      const server = await testServer({ args: ['--appendonly', 'yes'] })
      const least = '+@read +@write +@scripting +@pubsub +@connection +time +info'.split(' ')
      const rights = ['on', '>pw', '~{mine}:*', 'resetchannels', ...least, ...more]
      await adminOf(server).call('ACL', ['SETUSER', 'ada', ...rights])
      const client = { port: server.port, username: 'ada', password: 'pw' }
      const backend = await openBackend({ client, prefix: 'mine', durability: 'required' })
      await insertOne(backend, newRecord(null))
      const [claimed] = await backend.claim(A, CLAIM)
      expect(claimed === undefined ? [] : await backend.update([endOf(claimed)])).toEqual(['ok'])
      await backend.beat(A)
      await backend.sweep({ endedBefore: NOW + 9, maxFinished: 0, limit: 9, now: NOW })
      expect((await backend.queries?.list({ limit: 9, order: 'oldest' }))?.records).toEqual([])
      const { error } = await refusalOf(() => redisBackend({ client, prefix: 'other' }).open(A))
      expect(error.reason).toBe('access_denied')
      expect(error.message).toContain('ACL')
    },
  )
  test('a user who may only use keys and channels with the prefix of its client can work', async () => {
    const server = await testServer()
    const admin = adminOf(server)
    const rights = ['on', '>pw', '~app:*', 'resetchannels', '&app:*', '+@all']
    await admin.call('ACL', ['SETUSER', 'ada', ...rights])
    const client = { port: server.port, username: 'ada', password: 'pw', keyPrefix: 'app:' }
    const backend = await openBackend({ client })
    await insertOne(backend, newRecord(null))
    expect(await backend.claim(A, CLAIM)).toHaveLength(1)
    const keys = await admin.keys('*')
    expect(keys.filter((key) => !key.startsWith('app:{plainsight}:'))).toEqual([])
    await waitFor(async () => String(await admin.pubsub('CHANNELS')) === 'app:{plainsight}:free')
  })
})

describe('while it is open', () => {
  test('a server that is gone is said at once, and work goes on when it is there again', async () => {
    const server = await testServer({ args: ['--appendonly', 'yes'] })
    const backend = await openBackend({ client: server.url })
    const stored = await insertOne(backend, newRecord(A))
    server.signal('SIGKILL')
    await server.ended
    await waitFor(
      async () =>
        (await refusalOf(() => backend.insert([newRecord(A)]))).error.reason === 'unreachable',
      { what: 'the refusal' },
    )
    const { error, ms } = await refusalOf(() => backend.insert([newRecord(A)]))
    expect(error.message).toContain(`127.0.0.1:${server.port}`)
    expect(ms).toBeLessThan(200)
    await server.restart()
    await waitFor(async () => (await resultOf(() => backend.get(stored.spec.id))) !== undefined, {
      what: 'the record',
      timeout: 8_000,
    })
    expect(await backend.update([endOf(stored)])).toEqual(['ok'])
  })

  test('a write whose answer is lost is refused within two seconds, and its repeat is not a second one', async () => {
    const server = await testServer()
    const proxy = await tcpProxy(server.port)
    onTestFinished(() => proxy.close())
    const backend = await openBackend({ client: `redis://127.0.0.1:${proxy.port}` })
    await insertOne(backend, newRecord(A))
    proxy.blackHole('to-client')
    const record = keyedRecord(A, 'invoice-42')
    const { error, ms } = await refusalOf(() => backend.insert([record]))
    expect(error.reason).toBe('timeout')
    expect(ms).toBeLessThan(2_500)
    proxy.reset()
    proxy.heal()
    const results = await untilAnswered(() => backend.insert([record]))
    expect(results).toEqual([{ type: 'inserted', position: expect.any(Number) }])
    expect((await backend.owned(A)).length).toBe(2)
  })

  test('while Redis is frozen, each of thousands of calls is refused within two seconds', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    server.signal('SIGSTOP')
    onTestFinished(() => server.signal('SIGCONT'))
    const refusals: Promise<{ readonly ms: number }>[] = []
    for (let turn = 0; turn < 30; turn++) {
      for (let each = 0; each < 100; each++) {
        refusals.push(refusalOf(() => backend.insert([newRecord(A)])))
      }
      await sleep(100)
    }
    const all = await Promise.all(refusals)
    expect(Math.max(...all.map(({ ms }) => ms))).toBeLessThan(3_000)
  })

  test('20,000 records of one call are inserted, ended and removed', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const records = Array.from({ length: 20_000 }, () => newRecord(A, { tags: { plan: 'pro' } }))
    const results = await backend.insert(records)
    const ends = records.map((record, index) => {
      const result = results[index]
      return endOf({ ...record, position: result?.type === 'inserted' ? result.position : -1 })
    })
    expect(new Set(await backend.update(ends))).toEqual(new Set(['ok']))
    const all = { endedBefore: NOW + 9, maxFinished: 0, limit: 30_000, now: NOW }
    expect(await backend.sweep(all)).toBe(20_000)
    const left = await adminOf(server).keys('*')
    expect(left.toSorted()).toEqual(
      ['{plainsight}:count', '{plainsight}:meta', '{plainsight}:owners'].toSorted(),
    )
  })

  test('a claim that arrives after its caller has asked what it was given gives nothing', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const admin = adminOf(server)
    await insertOne(backend, newRecord(null))
    const [token = ''] = ((await admin.hget('{plainsight}:owners', A.executorId)) ?? '').split(' ')
    const late = ['C', token, '0', '10', `${NOW}`, '10', '', '', '0', '1', 'send-mail']
    const claimLate = (): unknown =>
      admin.eval(WHOLE_SCRIPT.lua, 1, '{plainsight}:meta', 'sender', ...late)
    expect(await backend.owned(A)).toEqual([])
    expect(await claimLate()).toEqual([[0, []]])
    expect(await backend.owned(A)).toEqual([])
    expect((await backend.claim(A, CLAIM)).length).toBe(1)
  })

  test('thousands of records of the dead are looked through some at a time', async () => {
    const server = await testServer()
    const dead = redisBackend({ client: server.url, durability: 'ignore' })
    await dead.open(A)
    const records = Array.from({ length: 6_000 }, (_, index) =>
      newRecord(A, { name: index < 3_000 ? 'other' : 'send-mail' }),
    )
    await dead.insert(records)
    await dead.close(A)
    const backend = await openBackend({ client: server.url }, B)
    const admin = adminOf(server)
    await admin.config('RESETSTAT')
    const adopted: string[] = []
    for (;;) {
      const some = await backend.adopt(B, A.executorId, ['send-mail'], 500)
      if (some.length === 0) break
      for (const { spec } of some) adopted.push(spec.id)
    }
    expect(adopted).toEqual(records.slice(3_000).map(({ spec }) => spec.id))
    expect(await backend.countUnknown(['send-mail'])).toEqual({ other: 3_000 })
    expect(await backend.deadOwners(B, B.now)).toEqual([])
    const stats = await admin.info('commandstats')
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThanOrEqual(10)
  })

  test('large records are removed some at a time: all by one call, none by one long script', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const inputJson = JSON.stringify('x'.repeat(500_000))
    for (let count = 0; count < 40; count++) {
      const stored = await insertOne(backend, newRecord(A, { inputJson }))
      await backend.update([endOf(stored)])
    }
    const admin = adminOf(server)
    await admin.config('RESETSTAT')
    const all = { endedBefore: NOW + 9, maxFinished: 0, limit: 100, now: NOW }
    expect(await backend.sweep(all)).toBe(40)
    const stats = await admin.info('commandstats')
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThanOrEqual(10)
    expect(await admin.hlen('{plainsight}:spec')).toBe(0)
  })

  test.each(['{plainsight}:wait:default send-mail', '{plainsight}:bs:1', '{plainsight}:t:"a":"b"'])(
    'a write that somebody else’s %s ends half way is none, and its repeat is whole',
    async (key) => {
      const server = await testServer()
      const admin = adminOf(server)
      const backend = await openBackend({ client: server.url })
      await admin.set(key, 'theirs')
      const record = newRecord(null, { tags: { a: 'b' } })
      expect((await refusalOf(() => backend.insert([record]))).error.reason).toBe('wrong_type')
      expect(await backend.get(record.spec.id)).toBeUndefined()
      await admin.del(key)
      expect((await backend.insert([record]))[0]).toMatchObject({ type: 'inserted' })
      const [claimed, ...others] = await backend.claim(A, CLAIM)
      expect([claimed?.spec.id, others]).toEqual([record.spec.id, []])
      expect(await backend.queries?.countByStatus()).toMatchObject({ pending: 1 })
      if (claimed === undefined || key.includes(':t:')) return
      // Given back, which meets the same key.
      const patch = patchOf(claimed, { status: 'pending', owner: null, reason: 'given back' })
      const start = patchOf(claimed, { status: 'running' })
      const running = { ...claimed, state: start.state }
      await backend.update([start])
      const release = { ...patch, owner: A.executorId, fence: running.state.fence }
      await admin.rename(key, 'elsewhere').catch(() => {})
      await admin.set(key, 'theirs')
      expect((await refusalOf(() => backend.update([release]))).error.reason).toBe('wrong_type')
      expect((await backend.get(record.spec.id))?.state.status).toBe('running')
      await admin.del(key)
      expect(await backend.update([release])).toEqual(['ok'])
      expect((await backend.claim(A, CLAIM)).length).toBe(1)
      expect(await backend.queries?.countByStatus()).toMatchObject({ pending: 1, running: 0 })
    },
  )

  test('a state whose answer was lost is the same when it is repeated', async () => {
    const server = await testServer()
    const proxy = await tcpProxy(server.port)
    onTestFinished(() => proxy.close())
    const backend = await openBackend({ client: `redis://127.0.0.1:${proxy.port}` })
    const stored = await insertOne(backend, newRecord(A))
    proxy.blackHole('to-client')
    const end = endOf(stored)
    await refusalOf(() => backend.update([end]))
    proxy.reset()
    proxy.heal()
    expect(await untilAnswered(() => backend.update([end]))).toEqual(['ok'])
  })

  test.each(['gone', 'full'] as const)(
    'after a time in which Redis was %s, nobody is dead who has not been able to say that he lives',
    async (trouble) => {
      const server = await testServer()
      const proxy = await tcpProxy(server.port)
      onTestFinished(() => proxy.close())
      const admin = adminOf(server)
      await openBackend({ client: server.url }, A)
      const backend = await openBackend({ client: `redis://127.0.0.1:${proxy.port}` }, B)
      const owners = '{plainsight}:owners'
      const [token = ''] = (await admin.hget(owners, A.executorId))?.split(' ') ?? []
      const deadOwners = async (): Promise<readonly string[]> => backend.deadOwners(B, B.now)
      expect(await deadOwners()).toEqual([])
      if (trouble === 'gone') proxy.refuse()
      else await admin.config('SET', 'maxmemory', '1')
      await refusalOf(() => backend.beat(B))
      await admin.config('SET', 'maxmemory', '0')
      await admin.hset(owners, A.executorId, `${token} 1 ${Date.now() - 60_000}`)
      proxy.heal()
      // Ours have not got through yet.
      expect(await untilAnswered(deadOwners)).toEqual([])
      await backend.beat(B)
      expect(await deadOwners()).toEqual([])
      await waitFor(async () => (await deadOwners()).includes(A.executorId), {
        what: 'a death that silence proves',
        timeout: 8_000,
      })
    },
    15_000,
  )

  test('who comes just after an outage takes nobody for dead who has not been able to beat since', async () => {
    const server = await testServer()
    const admin = adminOf(server)
    const lives = await openBackend({ client: server.url }, A)
    const died = { ...A, executorId: 'died' }
    await openBackend({ client: server.url }, died)
    // As if Redis had stood still for a minute: nobody could beat.
    const before = Date.now() - 60_000
    for (const { executorId } of [A, died]) {
      const [token = ''] = (await admin.hget('{plainsight}:owners', executorId))?.split(' ') ?? []
      await admin.hset('{plainsight}:owners', executorId, `${token} 1 ${before}`)
    }
    await admin.hset('{plainsight}:meta', 'heard', `${before}`, 'since', `${before - 60_000}`)
    const backend = await openBackend({ client: server.url }, B)
    const deadOwners = async (): Promise<readonly string[]> => backend.deadOwners(B, B.now)
    expect(await deadOwners()).toEqual([])
    await sleep(2_000)
    await lives.beat(A)
    await waitFor(async () => (await deadOwners()).length > 0, {
      what: 'a death that silence proves',
      timeout: 8_000,
    })
    expect(await deadOwners()).toEqual(['died'])
  }, 15_000)

  test('a death is known at once to who comes while others have been beating all the time', async () => {
    const server = await testServer()
    const admin = adminOf(server)
    const lives = await openBackend({ client: server.url }, A)
    const died = { ...A, executorId: 'died' }
    await openBackend({ client: server.url }, died)
    const [token = ''] = (await admin.hget('{plainsight}:owners', 'died'))?.split(' ') ?? []
    const before = Date.now() - 60_000
    await admin.hset('{plainsight}:owners', 'died', `${token} 1 ${before}`)
    await admin.hset('{plainsight}:meta', 'heard', `${Date.now() - 5_000}`, 'since', `${before}`)
    await lives.beat(A)
    const backend = await openBackend({ client: server.url }, B)
    expect(await backend.deadOwners(B, B.now)).toEqual(['died'])
  })

  test('scripts that Redis has forgotten are sent again', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const admin = adminOf(server)
    for (let round = 0; round < 3; round++) {
      await admin.script('FLUSH')
      const stored = await insertOne(backend, newRecord(A))
      await admin.script('FLUSH')
      expect(await backend.update([endOf(stored)])).toEqual(['ok'])
    }
  })

  test('without memory, writes are refused as full with nothing half done, ends included, until there is some', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const stored = await insertOne(backend, newRecord(A))
    const admin = adminOf(server)
    await admin.config('SET', 'maxmemory', '1')
    const late = keyedRecord(A, 'late')
    const { error } = await refusalOf(() => backend.insert([late]))
    expect(error.reason).toBe('full')
    expect(error.message).toContain('maxmemory')
    expect((await refusalOf(() => backend.update([endOf(stored)]))).error.reason).toBe('full')
    expect((await backend.get(stored.spec.id))?.state).toEqual(stored.state)
    await admin.config('SET', 'maxmemory', '0')
    expect((await backend.insert([late]))[0]?.type).toBe('inserted')
    expect(await backend.update([endOf(stored)])).toEqual(['ok'])
    expect((await backend.queries?.countByStatus())?.succeeded).toBe(1)
  })

  test.each([
    ['a replica', 'read_only', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    [
      'a user without the right to write',
      'access_denied',
      ['ACL', 'SETUSER', 'default', '-@write'],
      ['ACL', 'SETUSER', 'default', '+@all'],
    ],
  ] as const)(
    '%s refuses as %s, until it is changed back',
    async (_what, reason, [name, ...args], [back, ...backArgs]) => {
      const server = await testServer()
      const backend = await openBackend({ client: server.url })
      const stored = await insertOne(backend, newRecord(A))
      const admin = adminOf(server)
      await admin.call(name, [...args])
      // A connection to a replica ends, and is made again: what is called meanwhile is told why.
      for (let call = 0; call < 20; call++) {
        const { error } = await refusalOf(() => backend.update([endOf(stored)]))
        expect(error.reason).toBe(reason)
        await sleep(10)
      }
      await admin.call(back, [...backArgs])
      expect(await untilAnswered(() => backend.update([endOf(stored)]))).toEqual(['ok'])
    },
  )

  test('a server that cannot save refuses as read_only, until it can', async () => {
    const server = await testServer({ args: ['--save', '3600 1'] })
    const backend = await openBackend({ client: server.url })
    const stored = await insertOne(backend, newRecord(A))
    const admin = adminOf(server)
    rmSync(server.directory, { recursive: true })
    await admin.bgsave()
    await waitFor(
      async () => (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'),
      { what: 'MISCONF' },
    )
    const { error } = await refusalOf(() => backend.update([endOf(stored)]))
    expect(error.reason).toBe('read_only')
    expect(error.message).toContain('disk')
    await admin.config('SET', 'stop-writes-on-bgsave-error', 'no')
    expect(await backend.update([endOf(stored)])).toEqual(['ok'])
  })

  test('when all keys are deleted, records are gone, the lease is lost, and what comes then works', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const stored = await insertOne(backend, newRecord(A))
    await adminOf(server).flushall()
    expect(await backend.get(stored.spec.id)).toBeUndefined()
    expect(await backend.update([endOf(stored)])).toEqual(['stale'])
    expect((await refusalOf(() => backend.insert([newRecord(A)]))).error.reason).toBe('lease_lost')
    expect(await backend.beat(A)).toEqual({ type: 'lost' })
    await insertOne(backend, newRecord(null))
    await backend.open(A)
    const fresh = await insertOne(backend, newRecord(A))
    expect(await backend.update([endOf(stored)])).toEqual(['stale'])
    expect(await backend.update([endOf(fresh)])).toEqual(['ok'])
    expect((await backend.claim(A, CLAIM)).length).toBe(1)
    expect((await backend.beat(A)).type).toBe('ok')
  })

  test('damaged records hold nobody up', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    const admin = adminOf(server)
    const [spec, state, head, whole] = await Promise.all([
      insertOne(backend, newRecord(null)),
      insertOne(backend, newRecord(null)),
      insertOne(backend, newRecord(null)),
      insertOne(backend, newRecord(null)),
    ])
    const key = '{plainsight}:'
    const text = (await admin.hget(`${key}spec`, `${spec?.position}`)) ?? ''
    await admin.hset(
      `${key}spec`,
      `${spec?.position}`,
      `${text.slice(0, text.lastIndexOf('\n'))}\n{"x`,
    )
    const stateText = (await admin.hget(`${key}state`, `${state?.position}`)) ?? ''
    await admin.hset(`${key}state`, `${state?.position}`, stateText.slice(0, -4))
    await admin.hset(`${key}state`, `${head?.position}`, 'garbage')
    const claimed = await backend.claim(A, CLAIM)
    expect(claimed.map(({ position }) => position)).toEqual([
      spec?.position,
      state?.position,
      whole?.position,
    ])
    expect(claimed[0]?.spec.inputJson).toBe('{"x')
    expect(claimed[1]?.spec.inputJson).toBe('')
    expect(await backend.update(claimed.map((each) => endOf(each, 'failed')))).toEqual([
      'ok',
      'ok',
      'ok',
    ])
    expect(await backend.claim(A, CLAIM)).toEqual([])
    expect((await backend.queries?.list({ limit: 10, order: 'oldest' }))?.records.length).toBe(3)
    await backend.sweep({ endedBefore: NOW + 9, maxFinished: 0, limit: 100, now: NOW })
  })

  test('a close is bounded and leaves no connection, Redis frozen or gone', async () => {
    const server = await testServer()
    const backend = await openBackend({ client: server.url })
    await openBackend({ client: server.url, prefix: 'other' }, B)
    server.signal('SIGSTOP')
    const startedAt = performance.now()
    await backend.close(A)
    await backend.close(A)
    expect(performance.now() - startedAt).toBeLessThan(3_500)
    expect((await refusalOf(() => backend.get('x'))).error.reason).toBe('closed')
    server.signal('SIGCONT')
  })
})

test('machines whose clocks differ agree on when a task is due', async () => {
  const server = await testServer()
  const ahead = 60_000
  const backend = await openBackend({ client: server.url })
  const realNow = Date.now
  onTestFinished(() => {
    Date.now = realNow
  })
  Date.now = () => realNow() + ahead
  const other = redisBackend({ client: server.url, durability: 'ignore' })
  await other.open(B)
  onTestFinished(async () => other.close(B))
  Date.now = realNow
  // One minute from now, by the clock that is a minute ahead.
  const dueAt = realNow() + ahead + 60_000
  const record = newRecord(B)
  const stored = await insertOne(other, record)
  await other.update([patchOf(stored, { status: 'scheduled', owner: null, dueAt })])
  const dueHere = realNow() + 60_000
  expect(await backend.claim(A, { ...CLAIM, dueBefore: dueHere - 1_000 })).toEqual([])
  expect((await other.get(stored.spec.id))?.state.dueAt).toBe(dueAt)
  const [claimed] = await backend.claim(A, { ...CLAIM, dueBefore: dueHere + 1_000 })
  expect(Math.abs((claimed?.state.dueAt ?? 0) - dueHere)).toBeLessThan(1_000)
})

async function resultOf<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call()
  } catch {
    return undefined
  }
}

async function untilAnswered<T>(call: () => T | Promise<T>): Promise<T> {
  let answer: T | undefined
  await waitFor(async () => (answer = await resultOf(call)) !== undefined, {
    what: 'an answer',
    timeout: 8_000,
  })
  return answer as T
}
