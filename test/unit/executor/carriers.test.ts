import { describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  type EnqueueOperation,
  type Observer,
  type ObserverHooks,
  type RunOperation,
} from '../../../src/index.ts'
import { memoryBackend } from '../../../src/backends/memory.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const failingOnce = (): ReturnType<typeof defineTask> => {
  let runs = 0
  return defineTask({
    name: 'job',
    retries: 3,
    backoff: { delay: 1 },
    run() {
      if (runs++ < 2) throw new Error('again')
    },
  })
}

describe('the carrier of an attempt', () => {
  it('is kept with the attempt, and given to the next as previousCarrier', async () => {
    const previous: unknown[] = []
    const observer: Observer = {
      wrapRun(run, next) {
        previous.push(run.previousCarrier)
        run.attemptCarrier['traceparent'] = `of attempt ${run.attempt}`
        return next()
      },
    }
    const executor = createExecutor({ tasks: [failingOnce()], observers: [observer] })
    const handle = await executor.enqueue('job', undefined)
    await handle.result()
    const record = await handle.record()
    await executor.close()
    const carriers = [0, 1, 2].map((attempt) => ({ traceparent: `of attempt ${attempt}` }))
    expect(previous).toEqual([undefined, carriers[0], carriers[1]])
    expect(record?.attempts.map((attempt) => attempt.traceContext)).toEqual(carriers)
  })

  it.each([
    ['too long', { traceparent: 'x'.repeat(10_000) }],
    ['no string', { traceparent: 5 as never }],
    ['too many', Object.fromEntries(Array.from({ length: 99 }, (_item, key) => [`k${key}`, 'v']))],
  ])('that is %s is left out, and the outcome is kept', async (_what, carrier) => {
    const observer: Observer = {
      wrapRun(run, next) {
        Object.assign(run.attemptCarrier, carrier)
        return next()
      },
    }
    const executor = createExecutor({ tasks: [failingOnce()], observers: [observer] })
    const handle = await executor.enqueue('job', undefined)
    await handle.result()
    const record = await handle.record()
    await executor.close()
    expect(record?.attempts.map((attempt) => [attempt.outcome, attempt.traceContext])).toEqual([
      ['failed', undefined],
      ['failed', undefined],
      ['succeeded', undefined],
    ])
  })
})

describe('the carriers of a batch', () => {
  it('a task with one of its own gets that, the others the common one', async () => {
    const observer: Observer = {
      wrapEnqueue({ carrier, carriers }: EnqueueOperation, next) {
        carrier['traceparent'] = 'common'
        const [, second] = carriers
        if (second !== undefined) second['traceparent'] = 'own'
        return next()
      },
    }
    const task = defineTask({ name: 'job', run: () => 1 })
    const executor = createExecutor({ tasks: [task], observers: [observer] })
    const traceContext = { traceparent: 'of the caller' }
    const handles = await executor.enqueueMany([
      { task, input: undefined },
      { task, input: undefined },
      { task, input: undefined, options: { traceContext } },
    ])
    const records = await Promise.all(handles.map((handle) => handle.record()))
    await executor.drain()
    await executor.close()
    expect(records.map((record) => record?.traceContext?.['traceparent'])).toEqual([
      'common',
      'own',
      'of the caller',
    ])
  })
})

describe('the option propagation', () => {
  it('of the call reaches the hooks of another executor, which has other definitions and defaults', async () => {
    const backend = memoryBackend()
    const seen: RunOperation['task']['propagation'][] = []
    const observer: Observer = {
      wrapRun(run, next) {
        seen.push(run.task.propagation)
        return next()
      },
    }
    const task = defineTask({ name: 'job', run: () => 1 })
    const web = createExecutor({ tasks: [task], backend, work: false, observers: [] })
    await web.enqueue(task, undefined, { propagation: 'link' })
    await web.enqueue(task)
    const worker = createExecutor({
      tasks: [task],
      backend,
      defaults: { propagation: 'child' },
      observers: [observer],
    })
    await worker.start()
    await waitFor(() => seen.length === 2)
    expect(seen).toEqual(['link', 'child'])
    await worker.close()
    await web.close()
  })
})

describe('what an observer is told at its start', () => {
  it('says what the executor has in memory', async () => {
    let hooks: ObserverHooks | undefined
    const observer: Observer = {
      onEvent() {},
      start(host) {
        hooks = host
      },
    }
    let release = (): void => {}
    const task = defineTask({
      name: 'job',
      run: () =>
        new Promise<void>((resolve) => {
          release = resolve
        }),
    })
    const executor = createExecutor({ tasks: [task], concurrency: 1, observers: [observer] })
    const handle = await executor.enqueue(task)
    await handle.started
    await executor.enqueue(task)
    await executor.enqueue(task, undefined, { delay: '1h' })
    expect(hooks?.activity?.()).toEqual({
      running: 1,
      queued: 1,
      scheduled: 1,
      retrying: 0,
      limit: 1,
      usage: 1,
    })
    release()
    await executor.close({ grace: 0 })
  })
})
