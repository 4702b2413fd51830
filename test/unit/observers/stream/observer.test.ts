import fc from 'fast-check'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { readEntry, type PackedEntry } from '../../../../src/observers/stream/entry.ts'
import { streamObserver, type EntrySink } from '../../../../src/observers/stream/observer.ts'
import { logEvent, startedEvent, upTo } from '../../../support/stream-events.ts'

type Fault = 'none' | 'before' | 'after' | 'middle' | 'late'

/** A store that keeps the promise of a sink, and fails as it is told. */
function fakeStore(faults: Fault[], isAsync: boolean, remembersMs = Infinity) {
  const texts: string[] = []
  const known = new Map<string, number>()
  const append = (
    writer: string,
    entries: readonly PackedEntry[],
    after: number,
  ): number | undefined => {
    const before = known.get(writer)
    if ((before ?? 0) < after) return before
    for (const { last, text } of entries) {
      if (last <= (known.get(writer) ?? 0)) continue
      texts.push(text)
      known.set(writer, last)
    }
    return before
  }
  const open = (): EntrySink => ({
    place: 'the store',
    remembersMs,
    close() {},
    append(writer, entries, after) {
      const fault = faults.shift() ?? 'none'
      const now = (): number | undefined => {
        if (fault === 'before') throw new Error('before')
        if (fault === 'middle') append(writer, entries.slice(0, 1), after)
        if (fault === 'middle') throw new Error('in the middle')
        const answer = append(writer, entries, after)
        if (fault === 'after') throw new Error('after commit')
        return answer
      }
      if (!isAsync) return now()
      return (async () => {
        await turn()
        if (fault === 'late') await sleep(2)
        return now()
      })()
    },
  })
  return {
    open,
    known,
    /** Of each writer: its numbers have to be without holes, and none twice. */
    read() {
      const events: { writer: string; seq: number }[] = []
      let missing = 0
      const next = new Map<string, number>()
      for (const text of texts) {
        const entry = readEntry(text)
        if (entry.kind === 'foreign') throw new Error(text)
        expect(entry.first).toBe(next.get(entry.writer) ?? 1)
        next.set(entry.writer, entry.last + 1)
        if (entry.kind === 'gap') missing += entry.last - entry.first + 1
        else {
          for (const event of entry.events) {
            events.push({ writer: entry.writer, seq: (event as { seq: number }).seq })
          }
        }
      }
      return { events, missing }
    },
  }
}

function observe(store: { open: () => EntrySink }, maxQueue = 10_000, callEvents = 500) {
  const filter = { name: 'stream', minLevel: 'info' as const }
  return streamObserver({
    filter,
    maxQueue,
    maxDelayMs: 1,
    open: store.open,
    window: 4,
    callEvents,
  })
}

describe('streamObserver', () => {
  it('stores every event once and in order, or says that it is missing, whatever fails when', async () => {
    const fault = fc.constantFrom<Fault>('none', 'none', 'before', 'after', 'middle', 'late')
    const step = fc.record({ events: fc.integer({ min: 1, max: 40 }), wait: fc.nat(3) })
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.integer({ min: 1, max: 80 }),
        fc.constantFrom(2, 7, 500),
        fc.array(fault, { maxLength: 12 }),
        fc.array(step, { maxLength: 12 }),
        async (isAsync, maxQueue, callEvents, faults, steps) => {
          const store = fakeStore([...faults], isAsync)
          const observer = observe(store, maxQueue, callEvents)
          observer.start()
          let seq = 0
          for (const { events, wait } of steps) {
            for (let count = 0; count < events; count++) {
              seq += 1
              observer.onEvent(seq % 3 === 0 ? startedEvent(seq) : logEvent(seq))
            }
            const { delivered, dropped, failed, queued } = observer.counts()
            expect(delivered + dropped + failed + queued).toBe(seq)
            if (wait > 0) await (wait === 3 ? sleep(1) : turn())
          }
          await observer.close()
          const { delivered, dropped, failed, queued } = observer.counts()
          expect({ failed, queued }).toEqual({ failed: 0, queued: 0 })
          const { events, missing } = store.read()
          expect(events.map((each) => each.seq)).toEqual(
            [...new Set(events.map((each) => each.seq))].toSorted((a, b) => a - b),
          )
          expect(events.length).toBe(delivered)
          expect(missing).toBe(dropped)
          expect(events.length + missing).toBe(seq)
        },
      ),
      { numRuns: 300 },
    )
  }, 60_000)

  it('never waits for the store while there is more to send', async () => {
    let underWay = 0
    let sent = 0
    const seen: number[] = []
    const open = (): EntrySink => ({
      place: 'the store',
      remembersMs: Infinity,
      close() {},
      async append(_writer, entries) {
        const before = sent
        sent = entries.at(-1)?.last ?? 0
        underWay += 1
        seen.push(underWay)
        await sleep(3)
        underWay -= 1
        return before
      },
    })
    const observer = observe({ open }, 100_000, 100)
    observer.start()
    for (let seq = 1; seq <= 3_000; seq++) observer.onEvent(logEvent(seq))
    await observer.flush()
    expect(observer.counts()).toMatchObject({ delivered: 3_000, queued: 0 })
    // Four from then on, up to the last: none begins anew when a batch is through.
    expect(seen).toEqual([1, 2, 3, ...Array.from({ length: 27 }, () => 4)])
    await observer.close()
  })

  it('is flushed when what came before is stored, however much follows', async () => {
    const store = fakeStore([], true)
    const observer = observe(store, 100_000, 10)
    observer.start()
    let seq = 0
    let isOver = false
    const emitting = (async () => {
      while (!isOver) {
        for (let count = 0; count < 50; count++) observer.onEvent(logEvent(++seq))
        await turn()
      }
    })()
    await turn()
    const before = seq
    await observer.flush()
    const { delivered, queued } = observer.counts()
    expect(delivered).toBeGreaterThanOrEqual(before)
    expect(queued).toBeGreaterThan(0)
    isOver = true
    await emitting
    await observer.close()
    expect(observer.counts()).toMatchObject({ delivered: seq, dropped: 0 })
  })

  it('counts what cannot be written as failed, and says that it is missing', async () => {
    const store = fakeStore([], true)
    const observer = observe(store)
    const reports: unknown[] = []
    observer.start({ report: (error) => reports.push(error) })
    observer.onEvent(logEvent(1))
    observer.onEvent({ ...logEvent(2), extra: { big: 1n } } as never)
    observer.onEvent(logEvent(3))
    await observer.close()
    expect(observer.counts()).toEqual({ delivered: 2, dropped: 0, failed: 1, queued: 0 })
    expect(store.read()).toMatchObject({ events: [{ seq: 1 }, { seq: 3 }], missing: 1 })
    expect(reports.map(String)).toEqual([expect.stringContaining('an event was left out')])
  })

  it('tells of no loss when it was silent for longer than the store remembers a writer', async () => {
    const store = fakeStore([], true, 20)
    const reports: unknown[] = []
    const observer = observe(store)
    observer.start({ report: (error) => reports.push(error) })
    observer.onEvent(logEvent(1))
    await observer.flush()
    await sleep(40)
    store.known.clear()
    observer.onEvent(logEvent(2))
    await observer.close()
    expect(reports).toEqual([])
    expect(observer.counts()).toMatchObject({ delivered: 2 })
  })

  it('says when a store has lost what it had confirmed', async () => {
    const store = fakeStore([], true)
    const observer = observe(store)
    const reports: unknown[] = []
    observer.start({ report: (error) => reports.push(error) })
    for (const seq of upTo(10)) observer.onEvent(logEvent(seq))
    await observer.flush()
    const [writer = ''] = store.known.keys()
    store.known.set(writer, 4)
    observer.onEvent(logEvent(11))
    await observer.flush()
    store.known.clear()
    observer.onEvent(logEvent(12))
    await observer.flush()
    observer.onEvent(logEvent(13))
    await observer.close()
    expect(reports.map(String)).toEqual([
      'Error: the store has lost events: the last 6 events that were stored are gone; new ones are stored',
      'Error: the store has lost events: it was deleted or flushed; new ones are stored',
    ])
    expect(observer.counts().delivered).toBe(13)
  })

  it('stores before the process ends, where the store answers at once', () => {
    const store = fakeStore([], false)
    const observer = observe(store)
    observer.start()
    observer.onEvent(logEvent(1))
    process.emit('exit', 0)
    expect(store.read().events.map(({ seq }) => seq)).toEqual([1])
  })

  it('is another writer after it was closed and started again', async () => {
    const store = fakeStore([], true)
    const observer = observe(store)
    for (const seq of [1, 2]) {
      observer.start()
      observer.onEvent(logEvent(seq))
      await observer.close()
    }
    const { events } = store.read()
    expect(events.map(({ seq }) => seq)).toEqual([1, 2])
    expect(new Set(events.map(({ writer }) => writer)).size).toBe(2)
  })
})
