/** One consumer of a group: what it had not acknowledged, what others have left lying, and what is new. */

import type { RedisSource } from '../../connections/redis.ts'
import { BackendUnavailableError } from '../../task/errors.ts'
import { openForReading, BLOCK_MS, entriesOf, firstStream, OPERATION, ORIGIN } from './source.ts'
import type { RedisEntry } from './source.ts'

export interface Delivered extends RedisEntry {
  /** How often it has been delivered to anybody of the group. */
  readonly deliveries: number
}

export interface ConsumerGroup {
  /** The next entries for this consumer; none when nothing has come for a while. Each call tries anew. */
  next(): Promise<readonly Delivered[]>
  close(): void
}

export interface GroupSettings {
  readonly client: RedisSource
  readonly stream: string
  readonly group: string
  readonly consumer: string
  /** Where a new group begins, as XGROUP takes it. */
  readonly begin: string
  readonly minIdleMs: number
  /** Whether this consumer is at work on the entry, or done with it. */
  readonly isHeld: (id: string) => boolean
  readonly where: string
}

/** What a consumer was given and has not begun would grow old while it works, and others that are idle could not have it. */
const COUNT = 1

export function consumerGroup(settings: GroupSettings): ConsumerGroup {
  const { client, stream, group, consumer, minIdleMs, isHeld, where } = settings
  const place = openForReading(client, stream, where)
  const { key } = place
  let begin = settings.begin
  let exists = false
  /** Where to go on among the entries that this consumer has been given; `undefined` when all were looked at. */
  let ownFrom: string | undefined = ORIGIN
  let claimFrom: string = ORIGIN
  let claimAt = -Infinity

  const command = (...args: readonly [string, ...(string | number)[]]): Promise<unknown> =>
    place.call(OPERATION, ({ client: redis, counted }) => {
      const [name, ...rest] = args
      return counted(redis.call(name, ...rest))
    })

  async function makeGroup(): Promise<void> {
    try {
      await command('xgroup', 'CREATE', key, group, begin, 'MKSTREAM')
    } catch (error) {
      if (!says(error, /BUSYGROUP/)) throw error
    }
    exists = true
    // Should it vanish, all that is in the stream then is new.
    begin = ORIGIN
  }

  const given = (after: string, ...block: (string | number)[]): Promise<unknown> =>
    command('xreadgroup', 'GROUP', group, consumer, 'COUNT', COUNT, ...block, 'STREAMS', key, after)

  /** With how often each has been delivered. */
  async function counted(entries: readonly RedisEntry[]): Promise<readonly Delivered[]> {
    const ours = entries.filter(({ id }) => !isHeld(id))
    const [first] = ours
    const last = ours.at(-1)
    if (first === undefined || last === undefined) return []
    const answer = await command('xpending', key, group, first.id, last.id, COUNT, consumer)
    const times = new Map(
      (Array.isArray(answer) ? (answer as unknown[][]) : []).map((each) => [each[0], each[3]]),
    )
    return ours.map((entry) => ({ ...entry, deliveries: Number(times.get(entry.id) ?? 1) }))
  }

  async function own(after: string): Promise<readonly Delivered[]> {
    const entries = entriesOf(firstStream(await given(after)))
    ownFrom = entries.at(-1)?.id
    return counted(entries)
  }

  /** What others were given, and have not acknowledged for long. */
  async function claimed(): Promise<readonly Delivered[]> {
    for (;;) {
      const answer = await command(
        'xautoclaim',
        key,
        group,
        consumer,
        minIdleMs,
        claimFrom,
        'COUNT',
        COUNT,
      )
      const [next, entries, gone] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
      claimFrom = typeof next === 'string' ? next : ORIGIN
      if (claimFrom === ORIGIN) claimAt = performance.now()
      // Redis 7 has taken these out of the group by itself.
      const lost = (Array.isArray(gone) ? (gone as readonly unknown[]) : []).map((id) => {
        return { id: String(id), text: undefined, isGone: true, deliveries: 1 }
      })
      const found = [...lost, ...(await counted(entriesOf(entries)))]
      if (found.length > 0 || claimFrom === ORIGIN) return found
    }
  }

  async function look(): Promise<readonly Delivered[]> {
    if (!exists) await makeGroup()
    if (ownFrom !== undefined) return own(ownFrom)
    const nowMs = performance.now()
    if (nowMs - claimAt >= minIdleMs / 2) {
      const entries = await claimed()
      if (entries.length > 0) return entries
    }
    const wait = Math.max(1, Math.min(BLOCK_MS, Math.ceil(minIdleMs / 2)))
    const entries = entriesOf(firstStream(await given('>', 'BLOCK', wait)))
    return entries.map((entry) => ({ ...entry, deliveries: 1 }))
  }

  return {
    async next() {
      try {
        return await look()
      } catch (error) {
        // What Redis has delivered may not have arrived.
        ownFrom = ORIGIN
        if (!says(error, /NOGROUP|UNBLOCKED/)) throw error
        exists = false
        return []
      }
    },
    close: () => place.connection.close(),
  }
}

function says(error: unknown, what: RegExp): boolean {
  return error instanceof BackendUnavailableError && what.test(error.message)
}
