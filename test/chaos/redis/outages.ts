/** Everything that can come between a process and its Redis, each with what ends it. */

import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startRedis, type RedisServer } from '../../support/redis-server.ts'
import { tcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

/** A Redis that loses nothing when it is killed, behind a link that can break. */
export interface Place {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  /** Through the proxy. */
  readonly url: string
  /** A command, straight to the server, on a connection of its own. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>
  close(): Promise<void>
}

/** What is answered survives the death of Redis' process, and no disk that is slow to sync holds up an answer. */
export const KEPT: readonly string[] = [
  '--save',
  '',
  '--appendonly',
  'yes',
  '--appendfsync',
  'everysec',
]

export async function openPlace(args: readonly string[] = KEPT): Promise<Place> {
  const server = await startRedis({ args })
  const proxy = await tcpProxy(server.port)
  return {
    server,
    proxy,
    url: `redis://127.0.0.1:${proxy.port}`,
    async command(name, ...rest) {
      const client = new Redis(server.port, {
        enableReadyCheck: false,
        retryStrategy: () => null,
        lazyConnect: true,
      })
      // What happened to it is said by the command.
      client.on('error', () => {})
      try {
        await client.connect()
        return await client.call(name, ...rest)
      } finally {
        client.disconnect()
      }
    },
    async close() {
      await proxy.close()
      await server.stop()
    },
  }
}

export interface Outage {
  readonly name: string
  strike(place: Place): Promise<void>
  /** Resolves when Redis takes commands again. Absent: it is over when it has struck. */
  heal?(place: Place): Promise<void>
}

const PAUSE_MS = 2_000

export const OUTAGES: readonly Outage[] = [
  { name: 'kill -9', strike: killed, heal: ({ server }) => server.restart(KEPT) },
  {
    name: 'SHUTDOWN NOSAVE',
    async strike({ command, server }) {
      await command('SHUTDOWN', 'NOSAVE').catch(() => {})
      await server.ended
    },
    heal: ({ server }) => server.restart(KEPT),
  },
  {
    name: 'LOADING',
    async strike(place) {
      const { command, server } = place
      // A hundred thousand keys would take as long.
      const fill = 'for i = 1, 4000 do redis.call("SET", "filler:" .. i, i) end'
      await command('EVAL', fill, 0)
      await command('BGREWRITEAOF')
      await waitFor(async () => /aof_rewrite_in_progress:0/.test(String(await command('INFO'))), {
        timeout: '20s',
      })
      await killed(place)
      await server.restart([...KEPT, '--key-load-delay', '300'])
    },
    async heal({ command }) {
      await waitFor(async () => /loading:0/.test(String(await command('INFO', 'persistence'))), {
        timeout: '30s',
        interval: 10,
        what: 'the end of LOADING',
      })
      await command('CONFIG', 'SET', 'key-load-delay', 0)
      await command('EVAL', 'for i = 1, 4000 do redis.call("DEL", "filler:" .. i) end', 0)
    },
  },
  {
    name: 'refused',
    strike: ({ proxy }) => Promise.resolve(proxy.refuse()),
    heal: ({ proxy }) => Promise.resolve(proxy.heal()),
  },
  { name: 'reset', strike: ({ proxy }) => Promise.resolve(proxy.reset()) },
  {
    name: 'SIGSTOP',
    strike: ({ server }) => Promise.resolve(server.signal('SIGSTOP')),
    heal: ({ server }) => Promise.resolve(server.signal('SIGCONT')),
  },
  {
    name: 'CLIENT KILL',
    async strike({ command }) {
      await command('CLIENT', 'KILL', 'TYPE', 'normal')
      await command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    },
  },
  {
    name: 'CLIENT PAUSE',
    async strike({ command }) {
      await command('CLIENT', 'PAUSE', PAUSE_MS, 'ALL')
    },
    async heal({ command }) {
      // UNPAUSE would have to wait as well.
      await command('PING')
    },
  },
  {
    name: 'SCRIPT FLUSH',
    async strike({ command }) {
      await command('SCRIPT', 'FLUSH')
    },
  },
  {
    name: 'OOM',
    async strike({ command }) {
      await command('CONFIG', 'SET', 'maxmemory', '1mb')
    },
    async heal({ command }) {
      await command('CONFIG', 'SET', 'maxmemory', 0)
    },
  },
  {
    name: 'READONLY',
    async strike({ command }) {
      // The port of nothing: it waits for a master that never comes, with all that it has.
      await command('REPLICAOF', '127.0.0.1', 1)
    },
    async heal({ command }) {
      await command('REPLICAOF', 'NO', 'ONE')
    },
  },
  {
    name: 'NOPERM',
    async strike({ command }) {
      await command('ACL', 'SETUSER', 'default', '-@write')
    },
    async heal({ command }) {
      await command('ACL', 'SETUSER', 'default', '+@all')
    },
  },
]

async function killed({ server }: Place): Promise<void> {
  server.signal('SIGKILL')
  await server.ended
}

/** Strikes, lasts so long, heals; answers when it was healed, by `Date.now()`. */
export async function outage(each: Outage, place: Place, ms: number): Promise<number> {
  await each.strike(place)
  if (each.heal === undefined) return Date.now()
  await sleep(ms)
  await each.heal(place)
  return Date.now()
}
