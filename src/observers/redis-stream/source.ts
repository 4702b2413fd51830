/** Reads the entries of a Redis stream over a connection of its own, which waits for new ones. */

import type { RedisSource } from '../../connections/redis.ts'
import type { EntrySource, RawEntry } from '../stream/read.ts'
import { openPlace, type OpenPlace } from './place.ts'
import { ENTRY_FIELD } from './sink.ts'

/** Each number has 64 bits in Redis, which refuses more. */
export const ENTRY_ID: RegExp = /^\d{1,19}-\d{1,19}$/

/** What Redis calls the oldest entry that is left, and what comes from now on. */
export const ENTRY_WORDS = { '0': 'start', '0-0': 'start', $: 'now' } as const

/** An answer comes after so long at the latest: a link that died without a word is noticed by its silence. */
export const BLOCK_MS = 5_000
/** So many entries are read at once: what a reader has in memory, however slow it is. */
const COUNT = 20
const READY_MS = 1_000
/** The latest answer of a wait, and what an answer may take: less than the time after which a silent socket is dead. */
const COMMAND_TIMEOUT_MS = 10_000

export const OPERATION = 'read events'
/** The id before all others. */
export const ORIGIN = '0-0'

/** A connection for waiting. */
export function openForReading(client: RedisSource, stream: string, where: string): OpenPlace {
  return openPlace(client, stream, where, READY_MS, {
    connectionName: 'plainsight-reader',
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  })
}

export function redisEntries(client: RedisSource, stream: string, where: string): EntrySource {
  const place = openForReading(client, stream, where)
  const { key } = place
  const range = async (command: 'xrange' | 'xrevrange', from: string, to: string) => {
    const answer = await place.call(OPERATION, ({ client: redis, counted }) =>
      counted(redis.call(command, key, from, to, 'COUNT', 1)),
    )
    return entriesOf(answer)[0]?.id
  }
  const entriesAfter = async (after: string, ...block: readonly (string | number)[]) => {
    const answer = await place.call(OPERATION, ({ client: redis, counted }) =>
      counted(redis.call('xread', 'COUNT', COUNT, ...block, 'STREAMS', key, after)),
    )
    return entriesOf(firstStream(answer))
  }
  /** Of all entries that there have been, deleted ones too; `undefined` when nobody can say. */
  const newestEver = (): Promise<string | undefined> =>
    place.call(OPERATION, async ({ client: redis, counted }) => {
      try {
        return newestOf(await counted(redis.call('xinfo', 'STREAM', key)))
      } catch (error) {
        if (/no such key|^NOPERM/.test((error as Error).message)) return undefined
        throw error
      }
    })
  return {
    origin: ORIGIN,
    async read(after) {
      const entries = await entriesAfter(after, 'BLOCK', BLOCK_MS)
      if (entries.length > 0) return entries
      const newest = await newestEver()
      // Another stream than the one whose id this is, or one whose server has an earlier clock: all of it is new.
      return newest !== undefined && orderOf(newest, after) < 0 ? entriesAfter(ORIGIN) : []
    },
    first: () => range('xrange', '-', '+'),
    last: async () => (await range('xrevrange', '+', '-')) ?? ORIGIN,
    order: orderOf,
    before: idBefore,
    close: () => place.connection.close(),
  }
}

/** The entries of the one stream that was asked for; the shape depends on the protocol that the client speaks. */
export function firstStream(answer: unknown): unknown {
  if (answer instanceof Map) return [...answer.values()][0]
  if (Array.isArray(answer)) {
    const [first, second] = answer as readonly unknown[]
    return Array.isArray(first) ? (first as readonly unknown[])[1] : second
  }
  if (typeof answer === 'object' && answer !== null) return Object.values(answer)[0]
  return undefined
}

/** From what `XINFO STREAM` answers: pairs, as a list or as a map. */
function newestOf(answer: unknown): string | undefined {
  const name = 'last-generated-id'
  if (answer instanceof Map) return String(answer.get(name))
  if (Array.isArray(answer)) return String((answer as readonly unknown[])[answer.indexOf(name) + 1])
  return String((answer as Readonly<Record<string, unknown>>)[name])
}

export interface RedisEntry extends RawEntry {
  /** It has been deleted or trimmed since it was delivered to a group. */
  readonly isGone: boolean
}

/** Entries as commands answer them: `[id, [field, value, …]]`. One that has been deleted has no fields. */
export function entriesOf(answer: unknown): readonly RedisEntry[] {
  if (!Array.isArray(answer)) return []
  return answer.flatMap((each: unknown) => {
    if (!Array.isArray(each)) return []
    const [id, fields] = each as readonly unknown[]
    return [{ id: String(id), text: fieldOf(fields), isGone: fields === null }]
  })
}

function fieldOf(fields: unknown): string | undefined {
  if (!Array.isArray(fields) || fields[0] !== ENTRY_FIELD) return undefined
  const text: unknown = fields[1]
  return typeof text === 'string' ? text : undefined
}

type Id = readonly [bigint, bigint]

function numbersOf(id: string): Id {
  const [time = '0', sequence = '0'] = id.split('-')
  return [BigInt(time), BigInt(sequence)]
}

function orderOf(a: string, b: string): number {
  const [one, other] = [numbersOf(a), numbersOf(b)]
  const at = one[0] === other[0] ? 1 : 0
  return one[at] < other[at] ? -1 : one[at] > other[at] ? 1 : 0
}

const MAX_SEQUENCE = 2n ** 64n - 1n

function idBefore(id: string): string {
  const [time, sequence] = numbersOf(id)
  if (sequence > 0n) return `${time}-${sequence - 1n}`
  return time > 0n ? `${time - 1n}-${MAX_SEQUENCE}` : ORIGIN
}
