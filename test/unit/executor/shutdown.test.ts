import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createExecutor, defineTask, memoryBackend, setFallbackLogger } from '../../../src/index.ts'
import type { Backend } from '../../../src/backends/backend.ts'
import { faultyBackend } from '../../../src/testing/faulty-backend.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { contradictions, typesOf } from '../../support/event-rules.ts'
import { gate, recorded, recorder } from '../../support/recorded.ts'

/** Memory that says it survives the process, so that a closing executor gives its work up instead of ending it. */
function durableMemory(): Backend {
  const inner = memoryBackend()
  return { ...inner, capabilities: { ...inner.capabilities, durable: 'process' } }
}

describe('close', () => {
  test('refuses new work at once, whatever the door', async () => {
    const clock = manualClock()
    const end = gate()
    const task = defineTask({ name: 'hold', run: () => end.promise })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    const closed = executor.close()
    const refusals = [
      executor.enqueue(task),
      executor.enqueueMany([{ task }]),
      executor.retry(handle.id),
      executor.retryFailed(),
      executor.start(),
    ]
    const code = 'EXECUTOR_CLOSED'
    expect(await Promise.allSettled(refusals)).toMatchObject(
      refusals.map(() => ({ status: 'rejected', reason: { code } })),
    )
    end.open()
    await clock.advance(100)
    await closed
    await expect(executor.enqueue(task)).rejects.toMatchObject({ code: 'EXECUTOR_CLOSED' })
    await expect(executor.get(handle.id)).rejects.toMatchObject({ code: 'EXECUTOR_CLOSED' })
    expect(() => executor.observe({ onEvent() {} })).toThrow(/clos/i)
    expect(executor.stats().phase).toBe('closed')
  })

  test('is one and the same, however often it is called', async () => {
    const { executor, only } = recorded()
    await executor.start()
    const first = executor.close()
    expect(executor.close()).toBe(first)
    await first
    await executor.close()
    await executor[Symbol.asyncDispose]()
    expect(only('executor.closed')).toHaveLength(1)
  })

  test('with a wrong grace is refused, and can be called again', async () => {
    const { executor } = recorded()
    await executor.start()
    await expect(executor.close({ grace: 'soon' as '1s' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    })
    expect(executor.stats().phase).toBe('open')
    await executor.close({ grace: '1s' })
    expect(executor.stats().phase).toBe('closed')
  })

  test('of an executor that never started says nothing and takes no time', async () => {
    const record = recorder()
    const executor = createExecutor({ observers: [record] })
    await executor.close()
    expect(record.events).toEqual([])
    await expect(executor.start()).rejects.toMatchObject({ code: 'EXECUTOR_CLOSED' })
  })

  test('of an idle executor takes no time', async () => {
    const { executor } = recorded()
    await executor.start()
    const startedAt = performance.now()
    await executor.close()
    expect(performance.now() - startedAt).toBeLessThan(250)
  })

  test('during the start lets it finish, and is told as such', async () => {
    const { executor, types } = recorded({
      backend: faultyBackend(memoryBackend(), () => ({ slowMs: 5 })),
    })
    const starting = executor.start()
    await executor.close()
    await starting
    expect(types()).toEqual(['executor.started', 'executor.closed'])
  })

  test('waits for running tasks, and accepts their children until they end', async () => {
    const clock = manualClock()
    const child = defineTask({ name: 'child', run: (input: number) => input * 2 })
    const begun = gate()
    const parent = defineTask({
      name: 'parent',
      async run(_input: unknown, context) {
        begun.open()
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 5_000))
        const handle = await context.enqueue(child, 21)
        return handle.result()
      },
    })
    const { executor, types } = recorded({ tasks: [parent, child], clock }, { complete: true })
    const handle = await executor.enqueue(parent)
    const result = handle.result()
    await begun.promise
    const closed = executor.close({ grace: '10s' })
    await clock.advance(5_100)
    expect(await result).toBe(42)
    await closed
    expect(types().at(-1)).toBe('executor.closed')
  })

  test('records what fails during the grace', async () => {
    const clock = manualClock()
    const end = gate()
    const task = defineTask({ name: 'fails', run: () => end.promise })
    const { executor, only } = recorded({ tasks: [task], clock }, { complete: true })
    const handle = await executor.enqueue(task)
    const result = handle.result()
    result.catch(() => {})
    await clock.settle()
    const closed = executor.close()
    await clock.advance(1_000)
    end.fail(new Error('in the last second'))
    await clock.advance(1_000)
    await closed
    expect(only('task.failed')[0]).toMatchObject({ error: { message: 'in the last second' } })
    await expect(result).rejects.toMatchObject({ code: 'TASK_FAILED' })
  })

  test('then aborts with the reason; a body that resolves has succeeded, one that stops is interrupted', async () => {
    const clock = manualClock()
    const reasons: unknown[] = []
    const finish = defineTask({
      name: 'finish',
      run: (_input: unknown, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            resolve('saved')
          })
        }),
    })
    const stop = defineTask({
      name: 'stop',
      run: (_input: unknown, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const deaf = defineTask({ name: 'deaf', run: () => new Promise(() => {}) })
    const { executor, only } = recorded({ tasks: [finish, stop, deaf], clock }, { complete: true })
    const saved = (await executor.enqueue(finish)).result()
    const stopped = (await executor.enqueue(stop)).result()
    const lost = (await executor.enqueue(deaf)).result()
    for (const each of [stopped, lost]) each.catch(() => {})
    await clock.settle()
    const closed = executor.close({ grace: '2s' })
    await clock.advance(1_999)
    expect(reasons).toEqual([])
    await clock.advance(1)
    expect(reasons).toMatchObject([{ code: 'TASK_INTERRUPTED', reason: 'shutdown' }])
    expect(await saved).toBe('saved')
    await expect(stopped).rejects.toMatchObject({ code: 'TASK_INTERRUPTED', reason: 'shutdown' })
    await clock.advance(600)
    await expect(lost).rejects.toMatchObject({ code: 'TASK_INTERRUPTED' })
    await clock.advance(100)
    await closed
    expect(only('task.interrupted').map(({ taskName, reason }) => [taskName, reason])).toEqual([
      ['stop', 'shutdown'],
      ['deaf', 'shutdown'],
    ])
    expect(only('executor.closed')[0]).toMatchObject({ left: {}, level: 'info' })
  })

  test('on memory ends what waits as interrupted, in whatever state it waits', async () => {
    const clock = manualClock()
    const end = gate()
    const hold = defineTask({ name: 'hold', concurrency: 1, run: () => end.promise })
    const retry = defineTask({
      name: 'retry',
      retries: 3,
      run: () => Promise.reject(new Error('no')),
    })
    const { executor, types, only } = recorded(
      { tasks: [hold, retry], clock, concurrency: 2 },
      { complete: true },
    )
    const running = await executor.enqueue(hold)
    const aside = await executor.enqueue(hold)
    const retrying = await executor.enqueue(retry)
    const later = await executor.enqueue(hold, undefined, { delay: '1h' })
    await clock.settle()
    const result = running.result()
    const closed = executor.close()
    end.open()
    await clock.advance(200)
    await closed
    await result
    expect(types(aside.id)).toEqual(['task.enqueued', 'task.interrupted'])
    expect(types(later.id)).toEqual(['task.scheduled', 'task.interrupted'])
    expect(types(retrying.id).at(-1)).toBe('task.interrupted')
    expect(only('task.interrupted').every(({ reason }) => reason === 'shutdown')).toBe(true)
    await expect(later.result()).rejects.toMatchObject({ code: 'TASK_INTERRUPTED' })
  })

  test('on a durable store gives up what waits, requeues what may run again, and says what is left', async () => {
    const clock = manualClock()
    const backend = durableMemory()
    const deaf = defineTask({ name: 'deaf', run: () => new Promise(() => {}) })
    const { executor, only, types } = recorded({ tasks: [deaf], clock, backend, concurrency: 2 })
    const requeued = await executor.enqueue(deaf, undefined, { requeueOnInterrupt: true })
    const interrupted = await executor.enqueue(deaf)
    const pending = await executor.enqueue(deaf)
    const scheduled = await executor.enqueue(deaf, undefined, { delay: '1h' })
    await clock.settle()
    const closed = executor.close({ grace: 0 })
    await clock.advance(3_000)
    await closed
    expect(types(requeued.id).at(-1)).toBe('task.requeued')
    expect(types(interrupted.id).at(-1)).toBe('task.interrupted')
    expect(types(pending.id)).toEqual(['task.enqueued'])
    expect(types(scheduled.id)).toEqual(['task.scheduled'])
    expect(only('executor.closed')[0]?.left).toEqual({ pending: 2 })

    const next = recorded({
      tasks: [defineTask({ name: 'deaf', run: () => 'run by the next' })],
      backend,
      clock,
    })
    await next.executor.start()
    await clock.advance(3_600_000)
    for (const { id } of [requeued, pending, scheduled]) {
      expect((await next.executor.get(id))?.status).toBe('succeeded')
    }
    expect(await next.executor.get(requeued.id)).toMatchObject({ attempt: 1, recoveries: 1 })
    expect((await next.executor.get(interrupted.id))?.status).toBe('interrupted')
  })

  test('lets shielded tasks run on up to shieldGrace, and starts those that memory would forget', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 'shielded',
      shield: true,
      concurrency: 1,
      run: (input: number) =>
        new Promise((resolve) => void clock.setTimeout(() => resolve(input), 4_000)),
    })
    const plain = defineTask({ name: 'plain', run: () => new Promise(() => {}) })
    const { executor } = recorded(
      { tasks: [task, plain], clock, shieldGrace: '20s' },
      { complete: true },
    )
    const first = (await executor.enqueue(task, 1)).result()
    const second = (await executor.enqueue(task, 2)).result()
    const later = (await executor.enqueue(task, 3, { delay: '1h' })).result()
    const other = (await executor.enqueue(plain)).result()
    other.catch(() => {})
    await clock.settle()
    const closed = executor.close({ grace: '1s' })
    await clock.advance(13_000)
    await closed
    expect(await Promise.all([first, second, later])).toEqual([1, 2, 3])
    await expect(other).rejects.toMatchObject({ code: 'TASK_INTERRUPTED' })
  })

  test('aborts shielded tasks when shieldGrace is over', async () => {
    const clock = manualClock()
    let signal: AbortSignal | undefined
    const task = defineTask({
      name: 'shielded',
      shield: true,
      run(_input: unknown, context) {
        signal = context.signal
        return new Promise(() => {})
      },
    })
    const { executor, only } = recorded(
      { tasks: [task], clock, shieldGrace: '5s' },
      { complete: true },
    )
    await executor.enqueue(task)
    await clock.settle()
    const closed = executor.close({ grace: '1s' })
    await clock.advance(4_999)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(signal?.reason).toMatchObject({ reason: 'shutdown' })
    await clock.advance(1_000)
    await closed
    expect(only('task.interrupted')).toHaveLength(1)
  })

  test('of fifty thousand waiting tasks is in time', async () => {
    const hold = defineTask({ name: 'hold', run: () => new Promise(() => {}) })
    const record = recorder()
    const executor = createExecutor({
      tasks: [hold],
      observers: [record],
      concurrency: 1,
      maxQueued: Infinity,
    })
    await executor.enqueue(hold)
    await executor.enqueueMany(
      Array.from({ length: 50_000 }, (_, index) => ({
        task: hold,
        options: { priority: (index * 7919) % 101 },
      })),
    )
    const startedAt = performance.now()
    await executor.close({ grace: 0 })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(record.events.filter(({ type }) => type === 'task.interrupted')).toHaveLength(50_001)
  })

  test('waits for inserts under way: what was accepted is not started after it', async () => {
    const backend = faultyBackend(memoryBackend(), ({ method }) =>
      method === 'insert' ? { slowMs: 30 } : undefined,
    )
    let runs = 0
    const task = defineTask({ name: 'counts', run: () => void (runs += 1) })
    const { executor, types } = recorded({ tasks: [task], backend }, { complete: true })
    await executor.start()
    const enqueued = executor.enqueue(task)
    await executor.close()
    const handle = await enqueued
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
    const before = runs
    await sleep(50)
    expect(runs).toBe(before)
  })
})

describe('close, whatever hangs', () => {
  const deaf = defineTask({ name: 'deaf', run: () => new Promise(() => {}) })
  const hang = (): Promise<void> => new Promise(() => {})

  test.each([
    ['the store', () => 'hang' as const, {}],
    ['an observer at close', () => undefined, { close: hang }],
    ['an observer at flush', () => undefined, { flush: hang }],
    [
      'the store, and observers at flush and close',
      () => 'hang' as const,
      { flush: hang, close: hang },
    ],
  ])('%s: it ends within 3 s after the graces', async (_what, fault, methods) => {
    const clock = manualClock()
    let isHanging = false
    const backend = faultyBackend(durableMemory(), () => (isHanging ? fault() : undefined))
    const record = recorder()
    const warnings: string[] = []
    setFallbackLogger({ warning: (line) => void warnings.push(line) })
    onTestFinished(() => setFallbackLogger(null))
    const executor = createExecutor({
      tasks: [deaf],
      backend,
      clock,
      concurrency: 1,
      shieldGrace: '1s',
      observers: [record, { name: 'hanging', onEvent() {}, ...methods }],
    })
    await executor.enqueue(deaf)
    await executor.enqueue(deaf)
    await clock.settle()
    isHanging = true
    const asked = executor.list()
    asked.catch(() => {})
    const result = executor.enqueue(deaf)
    result.catch(() => {})
    await clock.settle()
    let endedAt: number | undefined
    const startedAt = clock.monotonic()
    const closed = executor.close({ grace: '1s' }).then(() => {
      endedAt = clock.monotonic()
    })
    await clock.advance(4_000)
    await closed
    expect((endedAt ?? Infinity) - startedAt).toBeLessThanOrEqual(4_000)
    expect(contradictions(record.events, { complete: false })).toEqual([])
    expect(record.events.at(-1)?.type).toBe('executor.closed')
    // After the last event only the fallback logger is left to be told.
    expect(warnings.length).toBe(Object.keys(methods).length)
    // Nobody waits for ever: what was asked of the store is answered.
    if (fault() === 'hang')
      await expect(result).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })

  test('the store at its opening: the start is told', async () => {
    const clock = manualClock()
    const backend = faultyBackend(memoryBackend(), () => 'hang')
    const executor = createExecutor({ backend, clock, observers: [], shieldGrace: 0 })
    const starting = executor.start()
    starting.catch(() => {})
    const enqueued = executor.enqueue('anything')
    enqueued.catch(() => {})
    const startedAt = clock.monotonic()
    const closed = executor.close({ grace: 0 }).then(() => clock.monotonic() - startedAt)
    await clock.advance(3_000)
    expect(await closed).toBeLessThanOrEqual(3_000)
    await expect(starting).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    await expect(enqueued).rejects.toThrow()
  })

  test('the store at its end: the results are told as unavailable', async () => {
    const clock = manualClock()
    let isHanging = false
    const backend = faultyBackend(durableMemory(), () => (isHanging ? 'hang' : undefined))
    const end = gate()
    const task = defineTask({ name: 'ends', run: () => end.promise })
    const executor = createExecutor({
      tasks: [task],
      backend,
      clock,
      observers: [],
      shieldGrace: 0,
    })
    const handle = await executor.enqueue(task)
    const result = handle.result()
    result.catch(() => {})
    await clock.settle()
    isHanging = true
    end.open()
    await clock.settle()
    const closed = executor.close({ grace: 0 })
    await clock.advance(3_000)
    await closed
    await expect(result).rejects.toMatchObject({ code: 'RESULT_UNAVAILABLE' })
  })

  test('a body that settles after the close says nothing and breaks nothing', async () => {
    const clock = manualClock()
    const end = gate<string>()
    const task = defineTask({ name: 'late', run: () => end.promise })
    const record = recorder()
    const seen: string[] = []
    const executor = createExecutor({ tasks: [task], clock, observers: [record], shieldGrace: 0 })
    for (const type of ['attempt.discarded', 'attempt.overrun'] as const) {
      executor.events.on(type, () => seen.push(type))
    }
    await executor.enqueue(task)
    await clock.settle()
    const closed = executor.close({ grace: 0 })
    await clock.advance(3_000)
    await closed
    end.open('late')
    await clock.settle()
    expect(typesOf(record.events).at(-1)).toBe('executor.closed')
    expect(seen).toEqual([])
    expect(executor.stats().running).toBe(0)
  })
})

describe('drain', () => {
  test('settles when nothing is pending, running or retrying; what is scheduled is not waited for', async () => {
    let runs = 0
    const task = defineTask({
      name: 'flaky',
      retries: 2,
      backoff: { delay: 5, jitter: 'none' },
      async run() {
        runs += 1
        await sleep(1)
        if (runs < 3) throw new Error('again')
      },
    })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    const later = await executor.enqueue(task, undefined, { delay: '1h' })
    await executor.drain()
    expect((await handle.record())?.status).toBe('succeeded')
    expect((await later.record())?.status).toBe('scheduled')
    await executor.drain()
  })

  test('rejects at its timeout and at its signal', async () => {
    const end = gate()
    const task = defineTask({ name: 'hold', run: () => end.promise })
    const { executor } = recorded({ tasks: [task] })
    await executor.enqueue(task)
    await expect(executor.drain({ timeout: 20 })).rejects.toThrow(/20 ms/)
    const controller = new AbortController()
    const drained = executor.drain({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(drained).rejects.toThrow('enough')
    end.open()
    await executor.drain()
  })

  test('of an executor that has nothing to do settles at once, also before its start', async () => {
    const { executor } = recorded()
    await executor.drain()
    await executor.start()
    await executor.drain()
  })
})

describe('pause', () => {
  test('starts nothing more until resume; running tasks go on and work is accepted', async () => {
    const end = gate()
    const hold = defineTask({ name: 'hold', run: () => end.promise })
    const quick = defineTask({ name: 'quick', run: (input: number) => input })
    const { executor, types, only } = recorded(
      { tasks: [hold, quick], concurrency: 5 },
      { complete: true },
    )
    const running = await executor.enqueue(hold)
    await waitFor(() => only('attempt.started').length === 1)
    executor.pause()
    executor.pause()
    const waiting = await executor.enqueue(quick, 7)
    end.open()
    await running.result()
    expect((await waiting.record())?.status).toBe('pending')
    expect(only('attempt.started')).toHaveLength(1)
    executor.resume()
    executor.resume()
    expect(await waiting.result()).toBe(7)
    expect(types().filter((type) => type.startsWith('queue.'))).toEqual([
      'queue.paused',
      'queue.resumed',
    ])
    expect(only('queue.paused')[0]).toMatchObject({ queue: '*', level: 'info' })
  })

  test('before the start holds from the start on', async () => {
    const task = defineTask({ name: 'quick', run: () => 1 })
    const { executor, only } = recorded({ tasks: [task] })
    executor.pause()
    const handle = await executor.enqueue(task)
    await sleep(10)
    expect(only('attempt.started')).toHaveLength(0)
    executor.resume()
    expect(await handle.result()).toBe(1)
  })

  test('holds retries and what comes due', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 'fails',
      retries: 1,
      backoff: { delay: '1s', jitter: 'none' },
      run: () => Promise.reject(new Error('no')),
    })
    const { executor, only } = recorded({ tasks: [task], clock })
    await executor.enqueue(task)
    await executor.enqueue(task, undefined, { delay: '1s' })
    await clock.settle()
    executor.pause()
    await clock.advance(60_000)
    expect(only('attempt.started')).toHaveLength(1)
    executor.resume()
    await clock.settle()
    expect(only('attempt.started')).toHaveLength(3)
  })

  test('is no obstacle to closing', async () => {
    const task = defineTask({ name: 'quick', run: () => 1 })
    const { executor, types } = recorded({ tasks: [task] }, { complete: true })
    await executor.start()
    executor.pause()
    const handle = await executor.enqueue(task)
    await executor.close()
    expect(types(handle.id)).toEqual(['task.enqueued', 'task.interrupted'])
  })
})
