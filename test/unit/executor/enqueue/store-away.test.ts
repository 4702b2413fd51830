import { describe, expect, test } from 'vitest'
import type { Backend } from '../../../../src/backends/backend.ts'
import {
  BackendUnavailableError,
  createExecutor,
  defineTask,
  InvalidOptionsError,
  memoryBackend,
  type EnqueueRetry,
} from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing.ts'
import { faultyBackend, type Fault } from '../../../../src/testing/faulty-backend.ts'
import { recorded } from '../../../support/recorded.ts'

const task = defineTask({ name: 'task', run: () => 'done' })

/** Memory whose inserts fail so often, and all of whose other calls work. */
function away(times: number, fault: Fault = 'failBefore') {
  const inserts: number[] = []
  const clock = manualClock()
  const backend: Backend = faultyBackend(memoryBackend(), ({ method }) => {
    if (method !== 'insert') return undefined
    inserts.push(clock.monotonic())
    return inserts.length <= times ? fault : undefined
  })
  return { backend, clock, since: () => inserts.map((at) => at - (inserts[0] ?? 0)) }
}

async function enqueued(
  given: { backend: Backend; clock: ReturnType<typeof manualClock> },
  executorRetry?: EnqueueRetry | false,
  callRetry?: EnqueueRetry | false,
) {
  const { backend, clock } = given
  const { executor, events } = recorded({
    tasks: [task],
    backend,
    clock,
    enqueueRetry: executorRetry,
  })
  await executor.start()
  const options = callRetry === undefined ? undefined : { enqueueRetry: callRetry }
  const answer = executor.enqueue(task, undefined, options).then(
    (handle) => handle,
    (error: unknown) => error,
  )
  for (let step = 0; step < 100; step++) await clock.advance(50)
  return { answer: await answer, events, executor }
}

describe('an enqueue while the store is away', () => {
  test('is tried again, three times within a second, and runs once', async () => {
    const store = away(3)
    const { answer, events } = await enqueued(store)
    expect(answer).toMatchObject({ taskName: 'task', deduplicated: false })
    expect(store.since()).toEqual([0, 100, 300, 700])
    expect(events.filter(({ type }) => type === 'task.succeeded')).toHaveLength(1)
  })

  test('is stored once, though the store has it and its answers are lost', async () => {
    const store = away(3, 'failAfter')
    const { events, executor } = await enqueued(store)
    expect(store.since()).toHaveLength(4)
    expect(events.filter(({ type }) => type === 'task.enqueued')).toHaveLength(1)
    expect((await executor.list()).records).toHaveLength(1)
  })

  test('then rejects as BackendUnavailableError, with what the store said last', async () => {
    const store = away(Infinity)
    const { answer } = await enqueued(store)
    expect(answer).toBeInstanceOf(BackendUnavailableError)
    expect(answer).toMatchObject({ operation: 'insert', reason: 'io' })
    expect(store.since()).toEqual([0, 100, 300, 700])
  })

  test('waits as the executor was told: fewer tries, other waits', async () => {
    const store = away(Infinity)
    await enqueued(store, { retries: 5, delay: 50, max: 150, within: 450 })
    expect(store.since()).toEqual([0, 50, 150, 300, 450])
  })

  test('and as the call was told, which wins; false rejects at once', async () => {
    const never = away(Infinity)
    await enqueued(never, { retries: 5 }, false)
    expect(never.since()).toEqual([0])
    const once = away(Infinity)
    await enqueued(once, false, { retries: 1, delay: 50 })
    expect(once.since()).toEqual([0, 50])
  })

  test('begins no try later than its time, however long the store took to say no', async () => {
    const store = away(Infinity, { slowMs: 0 })
    const { clock } = store
    let tries = 0
    const backend: Backend = {
      ...store.backend,
      insert: () =>
        new Promise((_resolve, reject) => {
          tries += 1
          const error = new BackendUnavailableError('memory', 'insert', 'timeout', 'no answer')
          clock.setTimeout(() => reject(error), 950)
        }),
    }
    const { answer } = await enqueued({ backend, clock })
    expect(answer).toMatchObject({ reason: 'timeout' })
    // The first was refused after 950 ms; 100 ms later the second is over.
    expect(tries).toBe(1)
  })

  test.each([
    ['a number', 3, 'enqueueRetry'],
    ['a negative count', { retries: -1 }, 'enqueueRetry.retries'],
    ['a wait that is none', { delay: 'soon' }, 'enqueueRetry.delay'],
    ['an unknown option', { attempts: 3 }, 'enqueueRetry.attempts'],
  ])('%s is refused, by the executor and by the call', async (_what, value, option) => {
    const wrong = value as EnqueueRetry
    expect(() => createExecutor({ enqueueRetry: wrong })).toThrow(
      expect.objectContaining({ name: InvalidOptionsError.name, option }),
    )
    const { executor } = recorded({ tasks: [task] })
    await expect(executor.enqueue(task, undefined, { enqueueRetry: wrong })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option,
    })
  })
})

describe('stats().ready', () => {
  test('stays false while the store can be read and refuses to write', async () => {
    const clock = manualClock()
    let isReadOnly = false
    const reading = new Set(['get', 'logs', 'deadOwners', 'countUnknown', 'owned'])
    const backend = faultyBackend(memoryBackend(), ({ method }) =>
      isReadOnly && !reading.has(method) ? 'failBefore' : undefined,
    )
    const { executor } = recorded({ tasks: [task], backend, clock })
    await executor.start()
    isReadOnly = true
    // A heartbeat has failed.
    await clock.advance(6_000)
    expect(executor.stats().ready).toBe(false)
    const record = executor.get('nobody')
    await clock.settle()
    await record
    expect(executor.stats().ready).toBe(false)
    isReadOnly = false
    await clock.advance(6_000)
    expect(executor.stats().ready).toBe(true)
  })
  test('stays false while writes are refused, and calls that have nothing to write are answered', async () => {
    const clock = manualClock()
    let isReadOnly = false
    const writing = new Set(['insert', 'update', 'append', 'beat'])
    const backend = faultyBackend(memoryBackend(), ({ method }) =>
      isReadOnly && writing.has(method) ? 'failBefore' : undefined,
    )
    const { executor } = recorded({ tasks: [task], backend, clock })
    await executor.start()
    isReadOnly = true
    await expect(executor.enqueue(task, undefined, { enqueueRetry: false })).rejects.toThrow()
    for (let seconds = 0; seconds < 12; seconds++) {
      expect(executor.stats().ready, `after ${seconds} s`).toBe(false)
      // Claims that find nothing among them.
      await clock.advance(1_000)
    }
    isReadOnly = false
    await clock.advance(1_000)
    expect(executor.stats().ready).toBe(true)
  })
})
