/** A connection to Redis of our own: made after the caller's, and never one that waits for ever. */

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Cluster, Redis, RedisOptions } from 'ioredis'
import { InvalidOptionsError } from '../task/errors.ts'
import type { Backoff } from '../task/options.ts'
import { readFields } from '../task/reading.ts'
import { backoffDelayMs } from '../task/retry.ts'
import { ioredis } from './ioredis.ts'
import { unrefReconnect, watchTimers } from './redis-timers.ts'

/** Where Redis is: a client of ioredis (5.10 or later), a URL, or options of ioredis. A client is copied, never used or closed. */
export type RedisSource = Redis | Cluster | RedisOptions | string

/** A script, which Redis keeps by its hash. */
export interface RedisScript {
  readonly lua: string
  readonly sha1: string
}

export function redisScript(lua: string): RedisScript {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/** What may differ between the connections of one process. */
export interface RedisConnectionOptions {
  /** Shown by `CLIENT LIST`. */
  readonly connectionName: string
  /** A command without an answer for so long rejects; it may have been carried out. */
  readonly commandTimeoutMs?: number | undefined
  /** For connections that block or subscribe, where silence is no sign of death: such a one sends pings itself. */
  readonly socketTimeoutMs?: number | undefined
}

export interface RedisConnection {
  readonly client: Redis | Cluster
  /** Host and port, for messages; never a password. */
  readonly place: string
  /** What the caller's client puts before every key. This connection does not, since scripts name keys themselves. */
  readonly keyPrefix: string
  /** Why it is not connected, as far as is known: the latest error of the connection. `undefined` once it is connected. */
  readonly trouble: Error | undefined
  /** Resolves when commands are taken; rejects with the trouble, or after the time given. */
  ready(withinMs: number): Promise<void>
  /** Waits for a command of {@link client}; meanwhile the process stays alive, which an idle connection does not cause. */
  counted<T>(call: Promise<T>): Promise<T>
  /**
   * Runs a script, and loads it when Redis does not have it (any more): then it runs after what was sent in between, so
   * whoever needs an order has one under way at a time.
   */
  run(script: RedisScript, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  /** Another connection to the same place. */
  another(options: RedisConnectionOptions): RedisConnection
  /** Ends it at once; what is under way rejects. Idempotent. */
  close(): void
}

type Argument = string | number | Buffer

const COMMAND_TIMEOUT_MS = 2_000
/** A link that died without a word is noticed after so long: heartbeats and polls are more frequent than that. */
const SOCKET_TIMEOUT_MS = 12_000
const KEEP_ALIVE_MS = 5_000
const CONNECT_TIMEOUT_MS = 3_000
/** A frozen Redis does not answer the end of a connection, and whoever closes one has no use for that answer. */
const DISCONNECT_TIMEOUT_MS = 50
/** Never quite the same: many processes must not come back at the same instant. */
const RECONNECT: Backoff = { delayMs: 50, factor: 2, maxMs: 2_000, jitter: 'equal' }
/** A Redis that loads its data is asked so often whether it has; by itself ioredis would wait up to 10 s. */
const LOADING_RETRY_MS = 250

/**
 * Opens a connection like that of `source`, whose settings it takes over but for those that decide how long anything
 * waits: a command while there is no connection rejects at once instead of being queued, one that was under way when the
 * connection broke rejects instead of being sent again (only the caller knows whether that may be), and connecting again
 * is tried for as long as it takes, at least every two seconds.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when `source` is none
 */
export function connectRedis(
  source: unknown,
  where: string,
  options: RedisConnectionOptions,
): RedisConnection {
  const settings = settingsOf(options, (error) => (trouble = error))
  const { client, keyPrefix } = copyOf(source, where, settings)
  let trouble: Error | undefined
  let isClosed = false
  /** The database of its number was refused: what there is of a connection is about to end. */
  let isRefused = false
  let underWay = 0
  // Without a listener ioredis writes to stderr; what it means is said by the commands that reject.
  client.on('error', (error: Error) => {
    // What only follows from it says less.
    if (isRefused && !('code' in error)) return
    // ioredis 5 asks on a connection that has broken, and hears that it has: why is known already.
    if (error.message.includes("isn't writeable")) return
    trouble = error
    if (!isOfSelect(error)) return
    // ioredis would go on in database 0, among the records of somebody else. From here on nothing is written.
    isRefused = true
    client.disconnect(true)
  })
  client.on('close', () => (isRefused = false))
  client.on('ready', () => {
    if (!isRefused) trouble = undefined
  })
  // What keeps a process alive is somebody who waits for an answer, not a connection that is open.
  client.on('connect', () => {
    // Why there was none (an error of the system has a code) says nothing of the one that there is.
    if (trouble !== undefined && 'code' in trouble) trouble = undefined
    keepAlive(underWay > 0)
  })
  client.on('reconnecting', () => unrefReconnect(client))
  // Those of a cluster are made when they are needed; a connection of its own hears of changes.
  if (!isCluster(client)) watchTimers(client)
  client.on('+node', (node: Redis) => {
    watchTimers(node)
    node.on('connect', () => keepAlive(underWay > 0))
    node.on('reconnecting', () => unrefReconnect(node))
  })
  // A failed first attempt rejects here, and is followed by others.
  client.connect().catch((error: Error) => (trouble ??= error))

  function keepAlive(isNeeded: boolean): void {
    for (const each of connectionsOf(client)) {
      const { stream } = each as { readonly stream?: Partial<Socket> }
      // One that is not there yet, or no more, would remember each of these calls; the right one follows when it is.
      if (stream?.readyState === undefined || /opening|closed/.test(stream.readyState)) continue
      if (isNeeded) stream.ref?.()
      else stream.unref?.()
    }
  }

  /** Connected is not ready: ioredis asks until Redis has loaded its data. */
  function troubleNow(): Error | undefined {
    if (trouble !== undefined || client.status !== 'connect') return trouble
    const { stream } = client as { readonly stream?: { readonly bytesRead?: number } }
    return new Error(
      stream?.bytesRead === 0 ? 'Redis does not answer' : 'Redis is loading its data',
    )
  }

  /** Why there is no connection after so long. */
  function silence(afterMs: number): Error {
    // A server that speaks no TLS waits for the end of a line.
    const hasTls = !isCluster(client) && client.options.tls !== undefined
    const isSilent = trouble === undefined || trouble.message.includes('ETIMEDOUT')
    if (hasTls && isSilent) return new Error(`no TLS connection within ${afterMs} ms`)
    return troubleNow() ?? new Error(`no connection within ${afterMs} ms`)
  }

  async function counted<T>(call: Promise<T>): Promise<T> {
    underWay += 1
    if (underWay === 1) keepAlive(true)
    try {
      return await call
    } finally {
      underWay -= 1
      if (underWay === 0) keepAlive(false)
    }
  }

  return {
    client,
    place: placeOf(client),
    keyPrefix,
    get trouble() {
      return troubleNow()
    },
    async ready(withinMs) {
      if (client.status === 'ready' && !isRefused) return
      await new Promise<void>((resolve, reject) => {
        const end = (settle: () => void): void => {
          clearTimeout(timer)
          client.off('ready', onReady)
          client.off('end', onEnd)
          settle()
        }
        const onReady = (): void => {
          if (!isRefused) end(resolve)
        }
        const onEnd = (): void => end(() => reject(trouble ?? new Error('Connection is closed.')))
        const timer = setTimeout(() => {
          end(() => reject(silence(withinMs)))
        }, withinMs)
        client.on('ready', onReady)
        client.on('end', onEnd)
        if (isClosed) onEnd()
      })
    },
    counted,
    async run(script, keys, args) {
      // As one list, which ioredis takes as well: spread, a hundred thousand arguments would not fit on the stack.
      const all = keys.concat(args as readonly string[]) as unknown as string
      try {
        return await counted(client.evalsha(script.sha1, keys.length, all))
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return counted(client.eval(script.lua, keys.length, all))
      }
    },
    another: (more) => connectRedis(client, where, more),
    close() {
      if (isClosed) return
      isClosed = true
      client.disconnect()
    },
  }
}

/** What decides how long anything waits, whatever the caller's client does. */
function settingsOf(options: RedisConnectionOptions, ended: (why: Error) => void) {
  const {
    connectionName,
    commandTimeoutMs = COMMAND_TIMEOUT_MS,
    socketTimeoutMs = SOCKET_TIMEOUT_MS,
  } = options
  return {
    connectionName,
    commandTimeout: commandTimeoutMs,
    socketTimeout: socketTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Nobody would hear of its failure but the process, as an unhandled rejection: subscribe at `ready`.
    autoResubscribe: false,
    enableAutoPipelining: false,
    enableReadyCheck: true,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    // With null, what was under way when the connection broke would wait for its timeout.
    maxRetriesPerRequest: 0,
    keyPrefix: '',
    lazyConnect: true,
    stringNumbers: false,
    retryStrategy: reconnectDelay,
    // After a failover the address leads to another server: only a new connection finds it.
    reconnectOnError(error: Error) {
      const isReplica = error.message.startsWith('READONLY')
      if (isReplica) ended(error)
      return isReplica
    },
  }
}

/** What `duplicate` of a cluster takes for its nodes. */
type ClusterNodeOptions = NonNullable<
  NonNullable<Parameters<Cluster['duplicate']>[1]>['redisOptions']
>

function reconnectDelay(times: number): number {
  return Math.ceil(backoffDelayMs(RECONNECT, times, Math.random))
}

/**
 * Checks that `source` says where Redis is, without connecting.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming `client`
 */
export function checkRedisSource(source: unknown, where: string): void {
  if (isCluster(source)) return
  if (isClient(source)) {
    checkNumbers(source.options, where)
    return
  }
  const isUrl = typeof source === 'string'
  if (isUrl && !/^rediss?:\/\//.test(source)) throw notASource(source, where)
  const given = isUrl ? source : readFields(source, 'client', EXPECTED, where)
  checkNumbers(readByIoredis(given, where), where)
}

const LAZY = { lazyConnect: true } as const

/** What it makes of a URL or of options, defaults included. */
function readByIoredis(given: string | object, where: string): RedisOptions {
  try {
    // ioredis 5 makes something of any text.
    if (typeof given === 'string') void new URL(given)
    const client =
      typeof given === 'string'
        ? new ioredis.Redis(given, LAZY)
        : new ioredis.Redis({ ...given, ...LAZY })
    client.disconnect()
    return client.options
  } catch (error) {
    // The error would show the URL.
    if (typeof given === 'string') throw notASource(given, where)
    const expected = `options that ioredis takes (${(error as Error).message})`
    throw new InvalidOptionsError('client', expected, given, where)
  }
}

/** ioredis takes any, and goes on in another database, or ends the process. */
function checkNumbers({ db = 0, port = 0, path }: RedisOptions, where: string): void {
  if (!(Number.isSafeInteger(db) && db >= 0)) {
    throw new InvalidOptionsError('client.db', 'the number of a database, from 0', db, where)
  }
  const hasPort = path === undefined || path === null
  if (hasPort && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new InvalidOptionsError('client.port', 'the number of a port', port, where)
  }
}

function copyOf(
  source: unknown,
  where: string,
  ours: ReturnType<typeof settingsOf>,
): { readonly client: Redis | Cluster; readonly keyPrefix: string } {
  checkRedisSource(source, where)
  if (typeof source === 'string') return { client: new ioredis.Redis(source, ours), keyPrefix: '' }
  if (isCluster(source)) {
    const { redisOptions = {}, keyPrefix = redisOptions.keyPrefix ?? '' } = source.options
    const { lazyConnect, enableOfflineQueue, enableReadyCheck } = ours
    const client = source.duplicate([], {
      lazyConnect,
      enableOfflineQueue,
      enableReadyCheck,
      keyPrefix: '',
      redisOptions: { ...redisOptions, ...ours } as ClusterNodeOptions,
      clusterRetryStrategy: reconnectDelay,
    })
    return { client, keyPrefix }
  }
  if (isClient(source)) {
    return { client: source.duplicate(ours), keyPrefix: source.options.keyPrefix ?? '' }
  }
  const given: Readonly<{ keyPrefix?: string }> = readFields(source, 'client', EXPECTED, where)
  return { client: new ioredis.Redis({ ...given, ...ours }), keyPrefix: given.keyPrefix ?? '' }
}

const EXPECTED = 'a client of ioredis, a URL redis:// or rediss://, or options of ioredis'

function notASource(text: string, where: string): InvalidOptionsError {
  // Without a scheme nobody else takes it for a URL, and it may hold a password all the same.
  const shown = text.includes('://') ? text : text.replace(/^.*@/s, '…@')
  return new InvalidOptionsError('client', EXPECTED, shown, where)
}

/** The error of a `SELECT`, which ioredis sends when it has connected. */
function isOfSelect(error: Error): boolean {
  return (error as { readonly command?: { readonly name?: string } }).command?.name === 'select'
}

// By what they can do: the caller's ioredis may be another copy of the package.

function isClient(value: unknown): value is Redis {
  if (typeof value !== 'object' || value === null) return false
  const { duplicate, options } = value as Partial<Redis>
  return typeof duplicate === 'function' && typeof options === 'object' && options !== null
}

function isCluster(value: unknown): value is Cluster {
  return isClient(value) && (value as { readonly isCluster?: unknown }).isCluster === true
}

/** Those that a cluster has now; else the one. */
function connectionsOf(client: Redis | Cluster): readonly Redis[] {
  return isCluster(client) ? client.nodes() : [client]
}

function placeOf(client: Redis | Cluster): string {
  if (isCluster(client)) return 'the Redis cluster'
  const { path, host, port, sentinels, name } = client.options
  if (path !== undefined) return path
  if (sentinels !== null && sentinels !== undefined) return `the Redis master ${name}`
  return `${host}:${port}`
}
