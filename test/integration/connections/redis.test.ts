import type { Socket } from 'node:net'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { connectRedis, type RedisConnection } from '../../../src/connections/redis.ts'
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
