import type { Socket } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  checkRedisSource,
  connectRedis,
  type RedisConnection,
} from '../../../src/connections/redis.ts'
import { redisFailure } from '../../../src/connections/redis-failure.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startRedis, type RedisServer } from '../../support/redis-server.ts'
import { tcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

async function connected(): Promise<{
  readonly server: RedisServer
  readonly proxy: TcpProxy
  readonly connection: RedisConnection
}> {
  const server = await startRedis()
  const proxy = await tcpProxy(server.port)
  const connection = connectRedis(`redis://127.0.0.1:${proxy.port}`, 'test: ', {
    connectionName: 'test',
    commandTimeoutMs: 20_000,
  })
  onTestFinished(async () => {
    connection.close()
    await proxy.close()
    await server.stop()
  })
  await connection.ready(5_000)
  return { server, proxy, connection }
}

/** How many clients wait in a command. */
async function blocked({ port }: RedisServer): Promise<number> {
  const client = new Redis(port)
  try {
    return Number(/blocked_clients:(\d+)/.exec(await client.info('clients'))?.[1])
  } finally {
    client.disconnect()
  }
}

test.each([
  ['reset', ({ proxy }) => proxy.reset()],
  ['refused', ({ proxy }) => proxy.refuse()],
  ['ended by the death of Redis', ({ server }) => server.signal('SIGKILL')],
] as const satisfies readonly (readonly [
  string,
  (given: { readonly server: RedisServer; readonly proxy: TcpProxy }) => void,
])[])(
  'a command that was under way rejects when its connection is %s, not after its timeout',
  async (_how, end) => {
    const { server, proxy, connection } = await connected()
    const { client, counted } = connection
    const waiting = counted(client.blpop('nothing', 0)).then(
      () => undefined,
      (error: unknown) => error,
    )
    await waitFor(async () => (await blocked(server)) === 1, { what: 'the command to wait' })
    const startedAt = performance.now()
    end({ server, proxy })
    const error = await waiting
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    const { reason, message } = redisFailure(error, connection.trouble)
    expect(reason).toBe('unreachable')
    expect(message).not.toContain('maxRetriesPerRequest')
  },
)

test('commands while there is no connection leave nothing behind at its socket', async () => {
  const { proxy, connection } = await connected()
  proxy.refuse()
  await waitFor(() => connection.client.status === 'reconnecting', { what: 'the end' })
  for (let call = 0; call < 30; call++) {
    await expect(connection.counted(connection.client.ping())).rejects.toThrow()
  }
  const { stream } = connection.client as unknown as { readonly stream: Socket }
  expect(stream.listenerCount('connect')).toBeLessThan(3)
})

test('a connection that breaks again before it has subscribed again ends no process', async () => {
  const { proxy, connection } = await connected()
  const { client } = connection
  await connection.counted(client.subscribe('channel'))
  proxy.reset()
  // What ioredis does by itself when it is ready is under way.
  await new Promise<void>((resolve) => {
    client.once('ready', () => {
      proxy.reset()
      resolve()
    })
  })
  await connection.ready(5_000)
  expect(client.status).toBe('ready')
})

describe('a database by its number', () => {
  const where = 'test: '
  const name = { connectionName: 'test' }

  test.each([
    ['that no server has', () => [], { db: 99 }, /DB index is out of range/],
    [
      'that the user may not select',
      () => ['ACL', 'SETUSER', 'ada', 'on', '>pw', '~*', '+@all', '-select'],
      { db: 3, username: 'ada', password: 'pw' },
      /NOPERM/,
    ],
  ] as const)('%s is never replaced by another', async (_what, spoil, options, says) => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const admin = new Redis(server.port)
    onTestFinished(() => admin.disconnect())
    const [command, ...args] = spoil() as readonly string[]
    if (command !== undefined) await admin.call(command, ...args)
    const connection = connectRedis({ port: server.port, ...options }, where, name)
    onTestFinished(() => connection.close())
    const error = await connection.ready(500).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ message: expect.stringMatching(says) })
    const failure = redisFailure(error, connection.trouble)
    expect(failure.reason).toMatch(/cannot_open|access_denied/)
    await expect(connection.counted(connection.client.set('key', 'x'))).rejects.toThrow()
    expect(await admin.dbsize()).toBe(0)
    if (command === undefined) return
    await admin.call('ACL', 'SETUSER', 'ada', '+select')
    await connection.ready(5_000)
    await connection.counted(connection.client.set('key', 'x'))
    expect(await admin.dbsize()).toBe(0)
  })

  test.each(['redis://127.0.0.1/orders', { db: 'orders' }, { db: -1 }, { db: 1.5 }])(
    'is refused when it is none: %j',
    (source) => {
      expect(() => checkRedisSource(source, where)).toThrow(
        'test: option "client.db" must be the number of a database, from 0; got number',
      )
    },
  )
})

test.each([
  [{ port: 'abc' }, 'client.port'],
  [{ port: 70_000 }, 'client.port'],
  [{ sentinels: [{ host: '127.0.0.1', port: 1 }] }, 'client'],
] as const)('options that lead nowhere are refused: %j', (source, option) => {
  expect(() => checkRedisSource(source, 'test: ')).toThrow(`test: option "${option}" must be `)
})

test.each([
  ['localhost:6379', 'got string "localhost:6379"'],
  ['ada:hunter2@localhost:6379', 'got string "…@localhost:6379"'],
  ['http://ada:hunter2@localhost', 'got string "http://…@localhost"'],
  ['redis://localhost:port?password=hunter2', 'got string "redis://localhost:port?…"'],
])('what is no URL of Redis is shown, but for a password: %s', (source, says) => {
  expect(() => checkRedisSource(source, 'test: ')).toThrow(says)
})

test('a connection to a Redis that says nothing ends at once when it is closed', async () => {
  const { server, connection } = await connected()
  const { client, counted } = connection
  const waiting = counted(client.blpop('nothing', 0)).catch((error: unknown) => error)
  await waitFor(async () => (await blocked(server)) === 1, { what: 'the command to wait' })
  server.signal('SIGSTOP')
  const startedAt = performance.now()
  connection.close()
  expect(await waiting).toBeInstanceOf(Error)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
  server.signal('SIGCONT')
})
