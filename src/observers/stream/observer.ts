/** The observer of every event stream: packs batches, and knows exactly what has been stored and what has not. */

import { randomBytes } from 'node:crypto'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { PlainsightEvent } from '../../events/event.ts'
import { eventBuffer } from '../event-buffer.ts'
import type { OpenDelivery } from '../event-buffer.ts'
import type { Observer, ObserverCounts, ObserverHooks } from '../observer.ts'
import type { ObserverFilter } from '../observer-options.ts'
import { entryPacker, type EntryPacker, type PackedCall, type PackedEntry } from './entry.ts'

/** An observer that writes an event stream, with exact counts. */
export interface StreamObserver extends Observer {
  readonly name: string
  start(host?: ObserverHooks): void
  onEvent(event: PlainsightEvent): void
  /** Stores what is queued; resolves when that is decided, or after 1.5 s. */
  flush(): Promise<void>
  /** As `flush`; what is left then is dropped. An observer of several executors goes on until the last closes it. */
  close(): Promise<void>
  counts(): ObserverCounts
}

/** Where entries are stored. */
export interface EntrySink {
  /**
   * Stores the entries that it has not stored for this writer, whose last stored number it keeps. Answers the number that
   * it had before; `undefined` when it knew nothing of the writer. Throws or rejects when that may not have been done.
   * Stores nothing when that number is less than `after`, which is undecided as yet: what came before has failed.
   */
  append(
    writer: string,
    entries: readonly PackedEntry[],
    after: number,
  ): number | undefined | Promise<number | undefined>
  /** How to say where that is: `stream "events" at 127.0.0.1:6379`. */
  readonly place: string
  /** A writer that has stored nothing for so long may be forgotten, by the clock on the wall. */
  readonly remembersMs: number
  close(): void
}

export interface StreamObserverSettings {
  readonly filter: ObserverFilter
  readonly maxQueue: number
  readonly maxDelayMs: number
  /** Opens the place, which may be away: that is said by `append`. */
  readonly open: () => EntrySink
  /** So many calls may be under way to a sink that does not answer at once. */
  readonly window: number
  /** Events of a call. Default 500. */
  readonly callEvents?: number | undefined
}

/** Larger ones are no cheaper, and keep the event loop for longer. */
const CALL_EVENTS = 500
/** Packing gives way to the other work of the event loop after so long: two to three calls. */
const TURN_MS = 1
/** Longer than everything that a sink waits for: a batch that hangs is ended by the sink. */
const DEADLINE_MS = 30_000
const DELAY_MS = 50
/** For what is missing, said at the end: with 1.5 s of flushing, less than the 2 s that an executor waits. */
const LAST_WORD_MS = 300

export function streamObserver(settings: StreamObserverSettings): StreamObserver {
  const { filter, maxQueue, open, window, callEvents = CALL_EVENTS } = settings
  let sink: EntrySink | undefined
  let packer: EntryPacker = newPacker(callEvents)
  /** Packed, and perhaps stored: whatever happens, exactly these are stored before anything else. */
  let undecided: PackedCall[] = []
  /** The last number that was stored. */
  let acknowledged = 0
  /** When that was, in epoch milliseconds. */
  let acknowledgedAt = 0
  let droppedTold = 0
  let leftOut = 0
  let isOpen = false

  const buffer = eventBuffer({
    deliver: (batch, delivery) => store([...batch], delivery),
    onClose: close,
    maxQueue,
    batchSize: Math.min(callEvents * window, maxQueue),
    deadlineMs: DEADLINE_MS,
    delayMs: DELAY_MS,
    maxDelayMs: settings.maxDelayMs,
    maxRetries: Infinity,
    keepsSent: true,
  })

  /** A new life has new numbers: what the old one left undecided is never mixed up with it. */
  function begin(): void {
    if (isOpen) return
    isOpen = true
    sink = open()
    packer = newPacker(callEvents)
    undecided = []
    acknowledged = 0
    droppedTold = buffer.counts().dropped
  }

  /**
   * Stores the batch, which loses what is stored. Answers at once where the sink does: such a one is of use at the end of
   * the process.
   */
  function store(batch: PlainsightEvent[], delivery: OpenDelivery): void | Promise<void> {
    begin()
    while (batch.length > 0 || undecided.length > 0 || hasLastWord(batch.length)) {
      if (undecided.length === 0) packNext(batch, delivery)
      const answer = send(0)
      if (answer instanceof Promise) return storeAsync(batch, delivery, answer)
      settle(batch, answer, delivery)
    }
  }

  /** Nothing waits that could tell what is missing. */
  function hasLastWord(underWay: number): boolean {
    const { dropped, queued } = buffer.counts()
    return dropped > droppedTold && queued === underWay
  }

  async function storeAsync(
    batch: PlainsightEvent[],
    delivery: OpenDelivery,
    head: Promise<number | undefined>,
  ): Promise<void> {
    await storeUnderWay(batch, delivery, head)
    // Given up meanwhile: what was stored is skipped when it comes again.
    delivery.signal.throwIfAborted()
    return store(batch, delivery)
  }

  /** While the first is awaited others follow it: neither side waits for the other. Ends when none is under way. */
  async function storeUnderWay(
    batch: PlainsightEvent[],
    delivery: OpenDelivery,
    head: Promise<number | undefined>,
  ): Promise<void> {
    const answers = [head]
    // One that fails after another did, or meanwhile, is sent again with it.
    head.catch(() => {})
    let turnBeganAt = performance.now()
    for (let answer: typeof head | undefined = head; answer !== undefined; answer = answers[0]) {
      while (answers.length < window && hasNext(batch, answers.length, delivery)) {
        // What came in one turn of the event loop goes with it, but not for long: the loop has more to do than this.
        if (performance.now() - turnBeganAt >= TURN_MS) {
          await turn()
          turnBeganAt = performance.now()
        }
        if (delivery.signal.aborted) return
        if (undecided.length === answers.length) packNext(batch, delivery)
        const next = Promise.resolve(send(answers.length))
        next.catch(() => {})
        answers.push(next)
      }
      const known = await answer
      turnBeganAt = performance.now()
      if (delivery.signal.aborted) return
      // The other side has lost what came before, and has stored nothing: the next time it comes first, and does.
      if (answer !== head && (known ?? 0) < acknowledged) return
      settle(batch, known, delivery)
      void answers.shift()
    }
  }

  function hasNext(batch: PlainsightEvent[], underWay: number, delivery: OpenDelivery): boolean {
    if (undecided.length > underWay || packedEnd() < batch.length) return true
    batch.push(...delivery.more(callEvents))
    return packedEnd() < batch.length
  }

  /** So many of the first events of the batch are in calls. */
  function packedEnd(): number {
    return undecided.reduce((end, { events }) => end + events, 0)
  }

  /** The call at `index` of those that are undecided. */
  function send(index: number): ReturnType<EntrySink['append']> {
    const { entries, first } = undecided[index] as PackedCall
    return (sink as EntrySink).append(packer.writer, entries, index === 0 ? 0 : first - 1)
  }

  function packNext(batch: readonly PlainsightEvent[], delivery: OpenDelivery): void {
    const { dropped } = buffer.counts()
    const missing = dropped - droppedTold
    undecided.push(packer.pack(batch, packedEnd(), missing, (error) => delivery.report(error)))
    droppedTold = dropped
  }

  /** The first of those that are undecided is stored. */
  function settle(
    batch: PlainsightEvent[],
    known: number | undefined,
    delivery: OpenDelivery,
  ): void {
    const call = undecided.shift() as PackedCall
    batch.splice(0, call.events)
    leftOut += call.left
    const { place, remembersMs } = sink as EntrySink
    const now = Date.now()
    const isLost =
      known === undefined
        ? acknowledged > 0 && now - acknowledgedAt < remembersMs
        : known < acknowledged
    if (isLost) delivery.report(lostEvents(place, acknowledged, known))
    acknowledged = call.last
    acknowledgedAt = now
    delivery.settle(call.events)
  }

  async function close(): Promise<void> {
    if (!isOpen || sink === undefined) return
    const ending = sink
    try {
      // With events undecided nobody can say what is missing; and nobody has answered for 1.5 s.
      if (undecided.every(({ events }) => events === 0)) {
        const dropped = buffer.counts().dropped - droppedTold
        const entries = undecided.flatMap((call) => call.entries)
        if (dropped > 0) entries.push(...packer.pack([], 0, dropped, () => {}).entries)
        if (entries.length > 0) {
          await within(LAST_WORD_MS, () => ending.append(packer.writer, entries, 0))
        }
      }
    } finally {
      isOpen = false
      ending.close()
    }
  }

  return {
    ...filter,
    start(host) {
      begin()
      buffer.start(host)
    },
    onEvent: buffer.onEvent,
    flush: buffer.flush,
    close: buffer.close,
    counts() {
      const counts = buffer.counts()
      const failed = Math.min(leftOut, counts.delivered)
      return { ...counts, delivered: counts.delivered - failed, failed: counts.failed + failed }
    },
  }
}

function newPacker(callEvents: number): EntryPacker {
  return entryPacker(randomBytes(8).toString('hex'), callEvents)
}

function lostEvents(place: string, acknowledged: number, known: number | undefined): Error {
  const what =
    known === undefined
      ? 'it was deleted or flushed'
      : `the last ${acknowledged - known} events that were stored are gone`
  return new Error(`${place} has lost events: ${what}; new ones are stored`)
}

/** Tries for so long, and then lets it be: `dropped` says it, too. */
async function within(ms: number, call: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<true>((resolve) => {
    timer = setTimeout(() => resolve(true), ms)
  })
  const succeeds = async (): Promise<boolean> => {
    try {
      await call()
      return true
    } catch {
      await sleep(DELAY_MS)
      return false
    }
  }
  while (!(await Promise.race([succeeds(), limit])));
  clearTimeout(timer)
}
