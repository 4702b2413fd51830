/** `consumeEvents`: the events of a Redis stream, shared by the consumers of a group, each of which says what it has done. */

import { durationMs, type Duration } from '../../task/duration.ts'
import { InvalidOptionsError, type BackendUnavailableError } from '../../task/errors.ts'
import { readOptions } from '../observer-options.ts'
import { readEntry } from '../stream/entry.ts'
import type { StreamItem } from '../stream/item.ts'
import { foreignOnce, gapItem, isAborted, itemsOf, patiently } from '../stream/read.ts'
import { READ_OPTION_NAMES, readSettings, type ReadOptions } from '../stream/read-options.ts'
import { acknowledgements, type Acknowledgements } from './acknowledge.ts'
import { consumerGroup, type ConsumerGroup, type Delivered } from './group.ts'
import { checkPlace, DEFAULT_STREAM, type RedisStreamPlace } from './place.ts'
import { ENTRY_ID, ENTRY_WORDS } from './source.ts'

/** Options of {@link consumeEvents}. `from` says where a group begins that does not exist yet: after the entry of an id. */
export interface ConsumeEventsOptions extends RedisStreamPlace, ReadOptions {
  /** The group that shares the events; made when it does not exist. */
  readonly group: string
  /** Unique in the group, and the same after a restart: what it had not acknowledged comes first then. */
  readonly consumer: string
  /**
   * `'auto'` (default): an item is acknowledged when the next one is asked for. `'manual'`: by its `ack()`, in any order.
   */
  readonly ack?: 'auto' | 'manual' | undefined
  /** What another consumer has held for so long without a word is taken over. Longer than the work on one entry, of 50 events, takes. Default `'1m'`. */
  readonly minIdle?: Duration | undefined
}

/** An item for one consumer of a group. */
export type ConsumedItem = StreamItem & {
  /** How often its entry has been delivered, this time included: more than 1 when it was not acknowledged before. */
  readonly deliveries: number
  /** Says that it is done. An entry is acknowledged when all of its items are. */
  ack(): void
}

const WHERE = 'consumeEvents: '
const OPTION_NAMES = [
  ...READ_OPTION_NAMES,
  'client',
  'stream',
  'group',
  'consumer',
  'ack',
  'minIdle',
]
const MAX_NAME_CHARS = 200

/**
 * The events of a stream for one consumer of a group, as an async iterator that goes on until the loop is left, or `signal`
 * aborts. Each entry (up to 50 events) goes to one consumer of the group, and comes again when that was not acknowledged:
 * to itself at its next start, or after `minIdle` to another. So an event comes at least once: `item.id` is the same each
 * time, and `item.deliveries` counts. What the filter leaves out is acknowledged.
 *
 * The loop is left with the last item not acknowledged, unless by `ack()`. It has two connections of its own, and goes on
 * by itself when they break; a group that was deleted with its stream is made again.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE from the loop, as `readEvents`
 * @example
 * for await (const item of consumeEvents({ client, stream, group: 'billing', consumer: 'billing-1', types: ['task.failed'] })) {
 *   if (item.type === 'event') await openTicket(item.event)
 * }
 */
export function consumeEvents(
  options: ConsumeEventsOptions,
): AsyncGenerator<ConsumedItem, void, undefined> {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { client, stream = DEFAULT_STREAM, group, consumer, ack = 'auto', minIdle = '1m' } = given
  checkPlace(client, stream, WHERE)
  checkName('group', group)
  checkName('consumer', consumer)
  if (ack !== 'auto' && ack !== 'manual') {
    throw new InvalidOptionsError('ack', "'auto' or 'manual'", ack, WHERE)
  }
  const minIdleMs = Math.max(1, Math.round(durationMs(minIdle, 'minIdle', WHERE)))
  const settings = readSettings(given, ENTRY_ID, ENTRY_WORDS, WHERE)
  const { from } = settings
  const begin = from === 'now' ? '$' : from === 'start' ? '0' : from.entry
  return consume({
    ...settings,
    isAuto: ack === 'auto',
    openAcks: (onError) => acknowledgements(client, stream, group, WHERE, onError),
    open: (isHeld) =>
      consumerGroup({ client, stream, group, consumer, begin, minIdleMs, isHeld, where: WHERE }),
  })
}

interface Consuming extends Omit<ReturnType<typeof readSettings>, 'from'> {
  readonly isAuto: boolean
  readonly openAcks: (onError: (error: BackendUnavailableError) => void) => Acknowledgements
  readonly open: (isHeld: (id: string) => boolean) => ConsumerGroup
}

async function* consume(settings: Consuming): AsyncGenerator<ConsumedItem, void, undefined> {
  const { isAuto, filter, signal, onError } = settings
  if (isAborted(signal)) return
  /** By `onError`, while nobody was there to hear of it. */
  const thrown: unknown[] = []
  const acks = settings.openAcks((failure) => {
    try {
      onError?.(failure)
    } catch (error) {
      thrown.push(error)
    }
  })
  /** Given out, and not yet acknowledged in full. */
  const open = new Set<string>()
  const group = settings.open((id) => open.has(id) || acks.has(id))
  const end = (): void => group.close()
  signal?.addEventListener('abort', end, { once: true })
  const foreign = foreignOnce()

  function* itemsOfEntry({ id, text, isGone }: Delivered): Iterable<StreamItem> {
    if (isGone) {
      yield gapItem(`${id}:0`, 'trimmed', undefined, undefined)
      return
    }
    const entry = readEntry(text)
    if (entry.kind === 'foreign') yield* foreign(id, entry.reason)
    else yield* itemsOf(id, entry, 0, filter, foreign)
  }

  try {
    const call = patiently(settings)
    for (;;) {
      if (thrown.length > 0) throw thrown[0]
      for (const entry of await call(() => group.next())) {
        const { id, deliveries } = entry
        let left = 1
        const done = (): void => {
          left -= 1
          if (left > 0) return
          open.delete(id)
          acks.add(id)
        }
        open.add(id)
        for (const item of itemsOfEntry(entry)) {
          signal?.throwIfAborted()
          let isDone = false
          const ack = (): void => {
            if (!isDone) done()
            isDone = true
          }
          left += 1
          yield { ...item, deliveries, ack }
          if (isAuto) ack()
        }
        done()
      }
    }
  } catch (error) {
    if (!isAborted(signal)) throw error
  } finally {
    signal?.removeEventListener('abort', end)
    group.close()
    await acks.close()
  }
}

function checkName(option: string, value: unknown): void {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_NAME_CHARS) return
  const expected = `a string of 1 to ${MAX_NAME_CHARS} characters`
  throw new InvalidOptionsError(option, expected, value, WHERE)
}
