import { describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  flightRecorder,
  memoryObserver,
  taskLog,
  type FlightRecorderOptions,
  type Observer,
  type PlainsightEvent,
} from '../../../src/index.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

type Fields = Partial<Record<'taskId' | 'level' | 'status' | 'message', string>> & {
  attempt?: number
}

let seq = 0
function event(type: string, fields: Fields = {}): PlainsightEvent {
  const level = type === 'task.log' ? 'debug' : 'info'
  const base = { type, level, seq: ++seq, executorId: 'e', taskId: 't', taskName: 'n', attempt: 0 }
  return { ...base, status: 'running', message: 'm', tags: {}, ...fields } as PlainsightEvent
}

const texts = (events: readonly PlainsightEvent[]): string[] =>
  events.map((each) => `${each.type}${each.type === 'task.log' ? ` ${each.message}` : ''}`)

function recording(options: FlightRecorderOptions = {}, minLevel: 'info' | 'warning' = 'warning') {
  const inner = memoryObserver({ minLevel })
  return { inner, recorder: flightRecorder(inner, options) }
}

function sum(observer: Observer): number {
  const { delivered = 0, dropped = 0, failed = 0, queued = 0 } = observer.counts?.() ?? {}
  return delivered + dropped + failed + queued
}

describe('flightRecorder in an executor', () => {
  const task = defineTask({
    name: 'task',
    retries: 1,
    backoff: { delay: 1 },
    run(how: string, { attempt }) {
      taskLog.debug(`${how} ${attempt} begins`)
      taskLog.warning(`${how} ${attempt} warns`)
      taskLog.debug(`${how} ${attempt} goes on`)
      if (how === 'bad' || (how === 'flaky' && attempt === 0)) throw new Error(how)
    },
  })

  it('delivers the detail of attempts that fail before the failure, and no other detail', async () => {
    const { inner, recorder } = recording()
    const executor = createExecutor({ tasks: [task], observers: [recorder], concurrency: 1 })
    for (const how of ['good', 'flaky', 'bad']) {
      await (await executor.enqueue(task, how)).result().catch(() => {})
    }
    await executor.drain()
    expect(texts(inner.events)).toEqual([
      'task.log good 0 warns',
      'task.log flaky 0 warns',
      'attempt.started',
      'task.log flaky 0 begins',
      'task.log flaky 0 goes on',
      'attempt.failed',
      'task.retrying',
      'task.log flaky 1 warns',
      'task.log bad 0 warns',
      'attempt.started',
      'task.log bad 0 begins',
      'task.log bad 0 goes on',
      'attempt.failed',
      'task.retrying',
      'task.log bad 1 warns',
      'attempt.started',
      'task.log bad 1 begins',
      'task.log bad 1 goes on',
      'attempt.failed',
      'task.failed',
    ])
    const [stats] = executor.stats().observers
    expect(stats).toMatchObject({ name: 'memory', dropped: 0, failed: 0, queued: 0 })
    expect(stats?.emitted).toBe(stats?.delivered)
    expect(recorder.discarded).toBeGreaterThan(0)
    await executor.close()
    expect(inner.ofType('observer.dropped')).toEqual([])
  })

  it('has every event in one of its counts while attempts run, and holds nothing afterwards', async () => {
    const { recorder } = recording()
    const gates: (() => void)[] = []
    const waits = defineTask({
      name: 'waits',
      async run(ok: boolean) {
        taskLog.debug('detail')
        await new Promise<void>((resolve) => gates.push(resolve))
        if (!ok) throw new Error('no')
      },
    })
    const executor = createExecutor({ tasks: [waits], observers: [recorder] })
    const handles = [await executor.enqueue(waits, true), await executor.enqueue(waits, false)]
    await waitFor(() => gates.length === 2)
    const [during] = executor.stats().observers
    expect(during).toMatchObject({ queued: 4, dropped: 0 })
    for (const open of gates) open()
    await Promise.allSettled(handles.map((handle) => handle.result()))
    await executor.drain()
    expect(executor.stats().observers[0]).toMatchObject({ queued: 0, dropped: 0, failed: 0 })
    await executor.close()
  })
})

describe('flightRecorder', () => {
  it('keeps the detail of the other executors when one of several closes', async () => {
    const { inner, recorder } = recording()
    const opens: (() => void)[] = []
    const waits = defineTask({
      name: 'waits',
      async run() {
        taskLog.debug('detail')
        await new Promise<void>((open) => void opens.push(open))
        throw new Error('no')
      },
    })
    const [first, second] = [0, 1].map(() =>
      createExecutor({ tasks: [waits], observers: [recorder] }),
    )
    await first?.start()
    await second?.enqueue(waits)
    await waitFor(() => opens.length === 1)
    await first?.close()
    opens[0]?.()
    await second?.drain()
    expect(texts(inner.events)).toEqual([
      'attempt.started',
      'task.log detail',
      'attempt.failed',
      'task.failed',
    ])
    await second?.close()
    expect(recorder.counts().queued).toBe(0)
  })

  it.each([
    'task.succeeded',
    'task.cancelled',
    'task.interrupted',
    'task.requeued',
    'task.expired',
  ])('lets the detail go at %s', (end) => {
    const { inner, recorder } = recording()
    recorder.onEvent(event('task.log'))
    expect(recorder.counts().queued).toBe(1)
    recorder.onEvent(event(end, { status: end === 'task.requeued' ? 'pending' : end.slice(5) }))
    recorder.onEvent(event('attempt.failed', { level: 'warning', attempt: 1 }))
    expect(texts(inner.events)).toEqual(['attempt.failed'])
    expect(recorder.counts()).toEqual({ delivered: 3, dropped: 0, failed: 0, queued: 0 })
    expect(recorder.discarded).toBe(2)
  })

  it('is triggered by the types it is told, one or several', () => {
    const { inner, recorder } = recording({ flushOn: ['task.cancelled', 'hook.error'] })
    recorder.onEvent(event('task.log', { message: 'one' }))
    recorder.onEvent(event('hook.error', { level: 'warning' }))
    recorder.onEvent(event('task.log', { message: 'two' }))
    recorder.onEvent(event('attempt.failed', { taskId: 'other', level: 'debug' }))
    expect(texts(inner.events)).toEqual(['task.log one', 'hook.error', 'task.log two'])
  })

  it('passes on at once what the other asked for, and never twice', () => {
    const { inner, recorder } = recording({}, 'info')
    recorder.onEvent(event('attempt.started'))
    recorder.onEvent(event('task.log', { message: 'held' }))
    recorder.onEvent(event('task.log', { message: 'seen', level: 'info' }))
    expect(texts(inner.events)).toEqual(['attempt.started', 'task.log seen'])
    recorder.onEvent(event('attempt.failed', { level: 'warning' }))
    recorder.onEvent(event('attempt.failed', { level: 'warning' }))
    expect(texts(inner.events).slice(2)).toEqual([
      'task.log held',
      'attempt.failed',
      'attempt.failed',
    ])
  })

  it('keeps the last of a long attempt, and counts what it pushed out', () => {
    const { inner, recorder } = recording({ maxEventsPerAttempt: 3 })
    for (let count = 1; count <= 1_000; count++) {
      recorder.onEvent(event('task.log', { message: String(count) }))
      expect(sum(recorder)).toBe(count)
    }
    expect(recorder.counts()).toEqual({ delivered: 0, dropped: 997, failed: 0, queued: 3 })
    recorder.onEvent(event('attempt.failed', { level: 'warning' }))
    expect(texts(inner.events)).toEqual([
      'task.log 998',
      'task.log 999',
      'task.log 1000',
      'attempt.failed',
    ])
  })

  it('holds detail of so many attempts, and of so many bytes, and no more', () => {
    const many = recording({ maxAttempts: 2 })
    for (const taskId of ['a', 'b', 'b', 'c']) many.recorder.onEvent(event('task.log', { taskId }))
    expect(many.recorder.counts()).toMatchObject({ dropped: 1, queued: 3 })
    for (const taskId of ['a', 'b', 'c']) {
      many.recorder.onEvent(event('attempt.failed', { taskId, level: 'warning' }))
    }
    expect(texts(many.inner.events).filter((text) => text.startsWith('task.log'))).toHaveLength(3)

    const large = recording({ maxBytes: 100_000 })
    for (let count = 0; count < 200; count++) {
      const fields = { taskId: `t${count % 20}`, message: 'x'.repeat(5_000) }
      large.recorder.onEvent(event('task.log', fields))
    }
    expect(large.recorder.counts()).toMatchObject({ dropped: 191, queued: 9 })
    expect(sum(large.recorder)).toBe(200)
  })

  it('never ends up with more, however long attempts run that never end', () => {
    const { recorder } = recording({ maxAttempts: 10, maxEventsPerAttempt: 10 })
    for (let count = 0; count < 100_000; count++) {
      recorder.onEvent(event('task.log', { taskId: `t${count % 97}`, attempt: count % 3 }))
    }
    expect(recorder.counts().queued).toBeLessThanOrEqual(100)
    expect(sum(recorder)).toBe(100_000)
    void recorder.close?.()
    expect(recorder.counts().queued).toBe(0)
    expect(sum(recorder)).toBe(100_000)
  })

  it('asks the executor for all that the other wants, and for what it keeps', () => {
    const rules = { default: 'warning', 'billing.*': 'debug', 'tag:plan=pro': 'info' } as const
    const inner = memoryObserver({ minLevel: rules, types: ['queue.paused'], lifecycle: false })
    const recorder = flightRecorder(inner, { keep: 'info' })
    expect(recorder.minLevel).toEqual({
      default: 'info',
      'billing.*': 'debug',
      'tag:plan=pro': 'info',
    })
    expect(recorder.types).toEqual(expect.arrayContaining(['queue.paused', 'attempt.failed']))
    expect(recorder.lifecycle).toBe(false)
    // It asked for log lines only: of what fails, too, it gets nothing else.
    recorder.onEvent(event('attempt.started'))
    recorder.onEvent(event('task.log', { level: 'info' }))
    recorder.onEvent(event('attempt.failed', { level: 'warning' }))
    expect(texts(inner.events)).toEqual(['task.log m'])
    expect(recorder.counts()).toEqual({ delivered: 3, dropped: 0, failed: 0, queued: 0 })
  })

  it('counts and reports what the other throws, and gives it the rest all the same', async () => {
    const reported: unknown[] = []
    let calls = 0
    const recorder = flightRecorder({
      minLevel: 'warning',
      onEvent() {
        calls += 1
        if (calls === 1) throw new Error('first')
        return calls === 2 ? Promise.reject(new Error('second')) : undefined
      },
    })
    void recorder.start?.({ report: (error) => void reported.push(String(error)) })
    recorder.onEvent(event('task.log'))
    recorder.onEvent(event('task.log'))
    recorder.onEvent(event('attempt.failed', { level: 'warning' }))
    await waitFor(() => reported.length === 2)
    expect(reported).toEqual(['Error: first', 'Error: second'])
    expect(recorder.counts()).toEqual({ delivered: 1, dropped: 0, failed: 2, queued: 0 })
  })

  it('passes on start, flush, close and the around-hooks', async () => {
    const calls: string[] = []
    const inner: Observer = {
      name: 'inner',
      onEvent() {},
      start: () => void calls.push('start'),
      flush: () => void calls.push('flush'),
      close: () => void calls.push('close'),
      wrapRun(_run, next) {
        calls.push('wrapRun')
        return next()
      },
    }
    const task = defineTask({ name: 'task', run() {} })
    const executor = createExecutor({ tasks: [task], observers: [flightRecorder(inner)] })
    await (await executor.enqueue(task)).result()
    await executor.close()
    expect(calls).toEqual(['start', 'wrapRun', 'flush', 'close'])
  })

  it.each<[string, unknown, unknown, string]>([
    ['no observer', { name: 'x' }, {}, 'inner'],
    ['keep', { onEvent() {} }, { keep: 'loud' }, 'keep'],
    ['flushOn', { onEvent() {} }, { flushOn: 'task.invented' }, 'flushOn'],
    ['flushOn without a task', { onEvent() {} }, { flushOn: 'executor.closed' }, 'flushOn'],
    ['an empty flushOn', { onEvent() {} }, { flushOn: [] }, 'flushOn'],
    ['maxAttempts', { onEvent() {} }, { maxAttempts: 0 }, 'maxAttempts'],
    ['an unknown option', { onEvent() {} }, { hold: 1 }, 'hold'],
  ])('refuses %s', (_title, inner, options, option) => {
    const make = (): unknown => flightRecorder(inner as Observer, options as FlightRecorderOptions)
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS', option }))
  })
})
