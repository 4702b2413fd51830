/** Whether a Redis server keeps what it has answered. */

import type { RedisConnection } from '../../connections/redis.ts'
import type { BackendUnavailableError } from '../../task/errors.ts'
import { refusal } from './failure.ts'
import type { RedisSettings } from './options.ts'

/** Is told of what the user of a store should know. */
export type Warn = (warning: BackendUnavailableError) => void

/** What the server says of itself; unknown where it does not. */
interface Server {
  readonly persists: 'always' | 'everysec' | 'snapshots' | 'nothing' | 'unknown'
  readonly evicts: string | undefined
}

/**
 * Looks at what would lose records: eviction is refused, and missing persistence is reported or refused as `durability`
 * says.
 *
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `evicting` or `not_durable`
 */
export async function checkServer(
  connection: RedisConnection,
  durability: RedisSettings['durability'],
  warn: Warn,
): Promise<void> {
  const { place } = connection
  const server = await lookAt(connection)
  if (server.evicts !== undefined) {
    throw refusal(
      'evicting',
      'open',
      `${place}: with maxmemory-policy ${server.evicts}, Redis removes records when its memory is full; set it to noeviction (or to a volatile-… policy: no key of ours expires)`,
    )
  }
  if (durability === 'ignore') return
  const lost = lossOf(server.persists)
  if (lost === undefined) return
  const problem = refusal(
    'not_durable',
    'open',
    `${place}: ${lost}; run it with appendonly yes, or say durability: 'ignore'`,
  )
  if (durability === 'required') throw problem
  warn(problem)
}

function lossOf(persists: Server['persists']): string | undefined {
  switch (persists) {
    case 'always':
    case 'everysec':
      return undefined
    case 'snapshots':
      return 'Redis keeps snapshots only, and loses what was answered since the latest one when it ends'
    case 'nothing':
      return 'Redis keeps nothing on its disk, and loses all records when it ends'
    case 'unknown':
      return 'Redis does not say whether it keeps its data on a disk'
  }
}

async function lookAt(connection: RedisConnection): Promise<Server> {
  // A node of a cluster may be asked as well as any other: they are set up alike.
  const { client } = connection
  const [info, config] = await Promise.all([
    connection.counted(optional(client.info())),
    connection.counted(optional(configOf(client))),
  ])
  const says = fieldsOf(info ?? '')
  const policy = config?.get('maxmemory-policy') ?? says.get('maxmemory_policy') ?? 'noeviction'
  const limit = Number(config?.get('maxmemory') ?? says.get('maxmemory') ?? 0)
  return {
    persists: persistenceOf(says, config),
    evicts: policy.startsWith('allkeys') && limit > 0 ? policy : undefined,
  }
}

function persistenceOf(
  info: ReadonlyMap<string, string>,
  config: ReadonlyMap<string, string> | undefined,
): Server['persists'] {
  const appends = config?.get('appendonly') ?? (info.get('aof_enabled') === '1' ? 'yes' : undefined)
  if (appends === 'yes') return config?.get('appendfsync') === 'always' ? 'always' : 'everysec'
  if (appends === undefined && info.get('aof_enabled') === undefined) return 'unknown'
  const save = config?.get('save')
  // Managed services hide their settings; a snapshot that was made tells.
  const snapshots = save === undefined ? Number(info.get('rdb_saves') ?? 0) > 0 : save !== ''
  return snapshots ? 'snapshots' : 'nothing'
}

async function configOf(client: RedisConnection['client']): Promise<ReadonlyMap<string, string>> {
  const pairs = (await client.config('GET', '*')) as readonly string[]
  const found = new Map<string, string>()
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    found.set(pairs[index] ?? '', pairs[index + 1] ?? '')
  }
  return found
}

/** Managed services do not let everybody ask. */
async function optional<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && /NOPERM|unknown command|ERR/.test(error.message)) return undefined
    throw error
  }
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  const lines = info.split('\r\n').filter((line) => line.includes(':'))
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )
}
