import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bufferedObserver,
  createExecutor,
  defineTask,
  UnrecoverableError,
  type BufferedObserver,
  type BufferedObserverOptions,
  type PlainsightEvent,
} from '../../../src/index.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const log = (seq: number): PlainsightEvent => ({ type: 'task.log', seq }) as PlainsightEvent
const step = (seq: number): PlainsightEvent => ({ type: 'attempt.started', seq }) as PlainsightEvent
const seqs = (batch: readonly PlainsightEvent[]): number[] => batch.map((event) => event.seq)
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** A buffer over a list that takes everything. */
function collecting(options: Partial<BufferedObserverOptions> = {}) {
  const batches: number[][] = []
  const observer = bufferedObserver({
    deliver: (batch) => void batches.push(seqs(batch)),
    ...options,
  })
  return { observer, batches }
}

/** A buffer whose deliveries are answered by hand. */
function manual(options: Partial<BufferedObserverOptions> = {}) {
  const calls: { seqs: number[]; signal: AbortSignal; ok: () => void; no: (e: unknown) => void }[] =
    []
  const observer = bufferedObserver({
    retry: { delay: 1, max: 5 },
    ...options,
    deliver: (batch, { signal }) =>
      new Promise<void>((ok, no) => {
        calls.push({ seqs: seqs(batch), signal, ok, no })
      }),
  })
  return { observer, calls }
}

describe('bufferedObserver', () => {
  it('delivers the events of one turn as one batch, in order', async () => {
    const { observer, batches } = collecting()
    for (let seq = 1; seq <= 5; seq++) observer.onEvent(log(seq))
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 0, queued: 5 })
    await turn()
    observer.onEvent(step(6))
    await turn()
    expect(batches).toEqual([[1, 2, 3, 4, 5], [6]])
    expect(observer.counts()).toEqual({ delivered: 6, dropped: 0, failed: 0, queued: 0 })
  })

  it('delivers at once when a batch is full, so that a long turn loses nothing', async () => {
    const { observer, batches } = collecting({ maxQueue: 10, batchSize: 4 })
    for (let seq = 1; seq <= 99; seq++) observer.onEvent(log(seq))
    await turn()
    expect(batches.flat()).toEqual(Array.from({ length: 99 }, (_, index) => index + 1))
    expect(batches[0]).toEqual([1, 2, 3, 4])
    expect(observer.counts()).toMatchObject({ delivered: 99, dropped: 0 })
  })

  it('has one batch under way, and drops the oldest log first, then the oldest, when it is full', async () => {
    const { observer, calls } = manual({ maxQueue: 4, batchSize: 1 })
    observer.onEvent(step(1))
    expect(calls).toHaveLength(1)
    for (const event of [log(2), step(3), log(4), step(5), step(6)]) observer.onEvent(event)
    // 1 is under way, and cannot be given up; of 2 to 6 three have room.
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 2, failed: 0, queued: 4 })
    observer.onEvent(log(7))
    observer.onEvent(step(8))
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 4, failed: 0, queued: 4 })
    expect(calls).toHaveLength(1)
    for (let count = 1; count <= 4; count++) {
      calls[count - 1]?.ok()
      await turn()
    }
    expect(calls.map((call) => call.seqs)).toEqual([[1], [5], [6], [8]])
    expect(observer.counts()).toEqual({ delivered: 4, dropped: 4, failed: 0, queued: 0 })
  })

  it('tries a batch again while the other side is away, in order, and says what it threw', async () => {
    const reported: unknown[] = []
    const { observer, calls } = manual()
    observer.start({ report: (error) => void reported.push(error) })
    observer.onEvent(step(1))
    observer.onEvent(step(2))
    for (let round = 1; round <= 3; round++) {
      await waitFor(() => calls.length === round)
      calls.at(-1)?.no(new Error(`away ${round}`))
    }
    observer.onEvent(step(3))
    await waitFor(() => calls.length === 4)
    calls.at(-1)?.ok()
    await observer.flush()
    expect(calls.map((call) => call.seqs)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
      [1, 2, 3],
    ])
    expect(reported.map(String)).toEqual(['Error: away 1', 'Error: away 2', 'Error: away 3'])
    expect(observer.counts()).toEqual({ delivered: 3, dropped: 0, failed: 0, queued: 0 })
  })

  it('aborts a batch that hangs, and does not count its late answer', async () => {
    const { observer, calls } = manual({ deadline: 20 })
    observer.onEvent(step(1))
    await waitFor(() => calls.length === 2)
    expect(calls[0]?.signal.aborted).toBe(true)
    expect(String(calls[0]?.signal.reason)).toContain('longer than 20 ms')
    calls[0]?.ok()
    await turn()
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 0, queued: 1 })
    calls[1]?.ok()
    await turn()
    expect(observer.counts()).toEqual({ delivered: 1, dropped: 0, failed: 0, queued: 0 })
  })

  it('never has two batches under way with a deliver that heeds its signal', async () => {
    let underWay = 0
    const most: number[] = []
    const observer = bufferedObserver({
      retry: false,
      deadline: 5,
      batchSize: 1,
      async deliver(_batch, { signal }) {
        underWay += 1
        most.push(underWay)
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve)
        })
        underWay -= 1
      },
    })
    for (const seq of [1, 2, 3]) observer.onEvent(step(seq))
    await waitFor(() => observer.counts().failed === 3)
    expect(most).toEqual([1, 1, 1])
  })

  it.each([-1, NaN, 1.5])('takes the answer %s for a failure, and says so', async (answer) => {
    const reported: unknown[] = []
    const observer = bufferedObserver({ retry: false, deliver: () => answer })
    observer.start({ report: (error) => void reported.push(error) })
    observer.onEvent(step(1))
    await turn()
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 1, queued: 0 })
    expect(reported.map(String)).toEqual([expect.stringContaining(`answered ${answer}`)])
  })

  it('says when it gives up what deliver did not take', async () => {
    const reported: unknown[] = []
    const observer = bufferedObserver({ retry: false, deliver: () => 1 })
    observer.start({ report: (error) => void reported.push(error) })
    for (const seq of [1, 2, 3]) observer.onEvent(step(seq))
    await turn()
    expect(observer.counts()).toEqual({ delivered: 1, dropped: 0, failed: 2, queued: 0 })
    expect(reported.map(String)).toEqual([expect.stringContaining('2 events were given up')])
  })

  it.each<[string, Partial<BufferedObserverOptions>, unknown, number]>([
    ['after as many retries as it may', { retry: { delay: 1, limit: 2 } }, new Error('no'), 3],
    ['at once without retries', { retry: false }, new Error('no'), 1],
    ['at once when it is no use', {}, new UnrecoverableError('never'), 1],
  ])('gives a batch up %s, and goes on with the next', async (_title, options, error, tries) => {
    const { observer, calls } = manual({ batchSize: 1, ...options })
    observer.onEvent(step(1))
    observer.onEvent(step(2))
    for (let count = 1; count <= tries; count++) {
      await waitFor(() => calls.length === count)
      calls.at(-1)?.no(error)
    }
    await waitFor(() => calls.length === tries + 1)
    expect(calls.at(-1)?.seqs).toEqual([2])
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 1, queued: 1 })
    calls.at(-1)?.ok()
    await observer.close()
    expect(observer.counts()).toEqual({ delivered: 1, dropped: 0, failed: 1, queued: 0 })
  })

  it('tries again what a batch did not take, when deliver says how many were through', async () => {
    const batches: number[][] = []
    const observer = bufferedObserver({
      retry: { delay: 1 },
      deliver(batch) {
        batches.push(seqs(batch))
        return batches.length === 1 ? 2 : undefined
      },
    })
    for (const seq of [1, 2, 3, 4]) observer.onEvent(step(seq))
    await turn()
    expect(observer.counts()).toEqual({ delivered: 2, dropped: 0, failed: 0, queued: 2 })
    await observer.flush()
    expect(batches).toEqual([
      [1, 2, 3, 4],
      [3, 4],
    ])
  })

  it('has all of its time to flush, however long ago it flushed last', async () => {
    const { observer, calls } = manual()
    for (const wait of [0, 1_480]) {
      await sleep(wait)
      observer.onEvent(step(wait))
      const flushed = observer.flush()
      await waitFor(() => calls.at(-1)?.seqs[0] === wait)
      await sleep(30)
      calls.at(-1)?.ok()
      await flushed
      expect(observer.counts().queued).toBe(0)
    }
    expect(calls).toHaveLength(2)
  })

  it('gives up at close what a dead side did not take, within 1.5 s for flush and close together', async () => {
    const { observer, calls } = manual()
    let closed = 0
    const again = bufferedObserver({
      deliver: () => new Promise(() => {}),
      close: () => void closed++,
    })
    observer.onEvent(step(1))
    again.onEvent(step(1))
    const begun = performance.now()
    await Promise.all([observer, again].map((each) => each.flush()))
    expect(observer.counts().queued).toBe(1)
    await Promise.all([observer.close(), again.close()])
    expect(performance.now() - begun).toBeLessThan(1_900)
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 1, failed: 0, queued: 0 })
    expect(calls[0]?.signal.aborted).toBe(true)
    calls[0]?.ok()
    observer.onEvent(step(2))
    await turn()
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 2, failed: 0, queued: 0 })
    expect(closed).toBe(1)
  })

  it('goes on until the last of several executors has closed it', async () => {
    const { observer, batches } = collecting()
    const task = defineTask({ name: 'task', run: () => 1 })
    const [first, second] = [0, 1].map(() =>
      createExecutor({ tasks: [task], observers: [observer] }),
    )
    await first?.start()
    await second?.start()
    await first?.close()
    const before = batches.flat().length
    await (await second?.enqueue(task))?.result()
    await second?.close()
    expect(batches.flat().length).toBe(before + 3)
    expect(observer.counts()).toMatchObject({ dropped: 0, queued: 0 })
  })

  it('delivers in the async context it was made in, and not in that of a task', async () => {
    const scope = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const observer = scope.run('made', () =>
      bufferedObserver({ batchSize: 2, deliver: () => void seen.push(scope.getStore()) }),
    )
    scope.run('a task', () => observer.onEvent(step(1)))
    await turn()
    scope.run('a task', () => [step(2), step(3)].forEach(observer.onEvent))
    expect(seen).toEqual(['made', 'made'])
  })

  it.each<[string, object, string]>([
    ['deliver', {}, 'deliver'],
    ['maxQueue', { deliver() {}, maxQueue: 0 }, 'maxQueue'],
    ['batchSize', { deliver() {}, maxQueue: 10, batchSize: 11 }, 'batchSize'],
    ['deadline', { deliver() {}, deadline: 'soon' }, 'deadline'],
    ['retry', { deliver() {}, retry: true }, 'retry'],
    ['retry.limit', { deliver() {}, retry: { limit: 1.5 } }, 'retry.limit'],
    ['retry.tries', { deliver() {}, retry: { tries: 1 } }, 'retry.tries'],
    ['close', { deliver() {}, close: 1 }, 'close'],
    ['queue', { deliver() {}, queue: 1 }, 'queue'],
  ])('refuses a wrong %s by name', (_title, options, option) => {
    expect(() => bufferedObserver(options as BufferedObserverOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', option }),
    )
  })
})

/** What the other side does with one delivery. */
type Reply = 'sync' | 'ok' | 'slow' | 'part' | 'throw' | 'reject' | 'never' | 'hang'

describe('the accounting of a buffered observer', () => {
  it('is exact whatever the other side does, and whenever it is closed', async () => {
    const reply = fc.constantFrom<Reply[]>(
      'sync',
      'ok',
      'slow',
      'part',
      'throw',
      'reject',
      'never',
      'hang',
    )
    const action = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ add: fc.integer({ min: 1, max: 12 }), log: fc.boolean() }),
      },
      { weight: 4, arbitrary: fc.constant('turn' as const) },
      { weight: 2, arbitrary: fc.constant('wait' as const) },
      { weight: 1, arbitrary: fc.constant('flush' as const) },
      { weight: 1, arbitrary: fc.constant('close' as const) },
    )
    const plan = fc.tuple(
      fc.array(reply, { minLength: 1, maxLength: 12 }),
      fc.array(action, { maxLength: 25 }),
      fc.record({
        maxQueue: fc.integer({ min: 3, max: 20 }),
        batchSize: fc.integer({ min: 1, max: 3 }),
      }),
      fc.constantFrom(Infinity, 0, 2),
    )
    // All at once: a dead other side takes its second and a half to be given up.
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    const runs = fc.sample(plan, { seed, numRuns: 500 })
    const ends = await Promise.allSettled(
      runs.map(([replies, actions, sizes, limit]) =>
        holds(replies, actions, { ...sizes, deadline: 2, retry: { delay: 1, max: 2, limit } }),
      ),
    )
    for (const [index, end] of ends.entries()) {
      if (end.status === 'fulfilled') continue
      throw new Error(`SEED=${seed}: ${JSON.stringify(runs[index])}`, { cause: end.reason })
    }
  }, 30_000)
})

async function holds(
  replies: readonly Reply[],
  actions: readonly ('turn' | 'wait' | 'flush' | 'close' | { add: number; log: boolean })[],
  options: Partial<BufferedObserverOptions>,
): Promise<void> {
  /** What the other side took, and said so in time. */
  let accepted = 0
  let emitted = 0
  let call = 0
  let last: readonly number[] = []
  const check = (): void => {
    const { delivered, dropped, failed, queued } = observer.counts()
    expect(delivered + dropped + failed + queued).toBe(emitted)
    expect(delivered).toBeLessThanOrEqual(accepted)
    expect(queued).toBeLessThanOrEqual(options.maxQueue ?? 0)
  }
  const observer: BufferedObserver = bufferedObserver({
    ...options,
    deliver(batch, { signal }) {
      check()
      last = seqs(batch)
      expect(last).toEqual(last.toSorted((a, b) => a - b))
      const how = replies[call++ % replies.length]
      if (how === 'throw') throw new Error('away')
      if (how === 'never') throw new UnrecoverableError('refused')
      if (how === 'reject') return Promise.reject(new Error('away'))
      if (how === 'hang') return hang(signal)
      const through = how === 'part' ? Math.min(1, batch.length) : batch.length
      accepted += through
      if (how === 'sync' || how === 'part') return through
      return how === 'ok' ? Promise.resolve() : sleep(1)
    },
  })
  const closing: Promise<void>[] = []
  for (const next of actions) {
    if (typeof next === 'object') {
      for (let count = 0; count < next.add; count++) {
        emitted += 1
        observer.onEvent(next.log ? log(emitted) : step(emitted))
        check()
      }
    } else if (next === 'turn') await turn()
    else if (next === 'wait') await sleep(3)
    else if (next === 'flush') closing.push(observer.flush().then(check))
    else closing.push(observer.close().then(check))
    check()
  }
  await observer.close()
  await Promise.all(closing)
  check()
  expect(observer.counts().queued).toBe(0)
}

function hang(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}
