import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineTask, getTaskContext, memoryBackend } from '../../../src/index.ts'
import type { Observer, RunOperation, RunResult } from '../../../src/observers/observer.ts'
import { faultyBackend } from '../../../src/testing/faulty-backend.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { recorded } from '../../support/recorded.ts'

type AsyncHook = (operation: unknown, next: () => Promise<unknown>) => unknown

const never = (): Promise<never> => new Promise(() => {})
const ownError = new Error('from the hook')

/** What a hook may do wrong, and what is said of it; `undefined` where nobody can know. */
const misbehaviours: readonly (readonly [string, AsyncHook, RegExp | undefined])[] = [
  [
    'throws before next',
    () => {
      throw ownError
    },
    /from the hook/,
  ],
  [
    'throws after next',
    (_o, next) => {
      void next()
      throw ownError
    },
    /from the hook/,
  ],
  [
    'rejects after next',
    async (_o, next) => {
      await next().catch(() => {})
      throw ownError
    },
    /from the hook/,
  ],
  ['rejects before next', () => Promise.reject(ownError), /from the hook/],
  ['forgets next', async () => {}, /without calling next/],
  [
    'calls next twice',
    async (_o, next) => {
      await next().catch(() => {})
      return next()
    },
    /more than once/,
  ],
  [
    'swallows the result',
    async (_o, next) => {
      await next().catch(() => {})
    },
    /did not return what next/,
  ],
  [
    'replaces the result',
    async (_o, next) => {
      await next().catch(() => {})
      return { status: 'invented' }
    },
    /did not return what next/,
  ],
  [
    'replaces the error',
    async (_o, next) => {
      try {
        return await next()
      } catch {
        throw ownError
      }
    },
    undefined,
  ],
  ['never settles before next', never, /did not call next within 5000 ms/],
  [
    'never settles after next',
    (_o, next) => {
      void next()
      return never()
    },
    undefined,
  ],
  [
    'returns nothing',
    (_o, next) => {
      void next()
    },
    /did not return what next/,
  ],
  [
    'returns no promise',
    (_o, next) => {
      void next()
      return 5
    },
    /did not return what next/,
  ],
  [
    'returns a thenable that throws',
    () => ({
      then() {
        throw ownError
      },
    }),
    /from the hook/,
  ],
  [
    'returns a thenable that rejects by itself',
    () => ({
      async then() {
        throw ownError
      },
    }),
    /from the hook/,
  ],
  [
    'returns an object whose then cannot be read',
    () => ({
      get then() {
        throw ownError
      },
    }),
    /from the hook/,
  ],
  [
    'throws null',
    () => {
      throw null
    },
    /null/,
  ],
]

const ok = defineTask({ name: 'ok', run: (input: number) => input * 2 })
const fail = defineTask({
  name: 'fail',
  retries: 1,
  backoff: { delay: 0, jitter: 'none' },
  run: () => Promise.reject(new Error('the task failed')),
})

async function outcomes(hooks: Partial<Observer>) {
  const clock = manualClock()
  const { executor, only } = recorded(
    { tasks: [ok, fail], clock, observers: [{ name: 'hook', onEvent() {}, ...hooks }] },
    { complete: true },
  )
  const run = async () => {
    const handles = [await executor.enqueue(ok, 21), await executor.enqueue(fail)] as const
    return [
      await handles[0].result(),
      await handles[1]
        .result()
        .catch((error: unknown) => String(error).replace(handles[1].id, 'ID')),
      (await handles[1].record())?.attempt,
    ]
  }
  const done = run()
  await clock.advance(30_000)
  return { done: await done, only }
}

describe('around-hooks', () => {
  test.each(misbehaviours)('wrapRun that %s changes nothing', async (_what, hook, expected) => {
    const plain = await outcomes({})
    const { done, only } = await outcomes({ wrapRun: hook as Observer['wrapRun'] & {} })
    expect(done).toEqual(plain.done)
    expect(only('attempt.started')).toHaveLength(3)
    const reports = only('observer.error')
    if (expected === undefined) expect(reports).toEqual([])
    else
      expect(reports[0]).toMatchObject({
        observer: 'hook.wrapRun',
        error: { message: expect.stringMatching(expected) },
      })
  })

  test.each(misbehaviours)('wrapEnqueue that %s changes nothing', async (_what, hook, expected) => {
    const plain = await outcomes({})
    const { done, only } = await outcomes({ wrapEnqueue: hook as Observer['wrapEnqueue'] & {} })
    expect(done).toEqual(plain.done)
    expect(only('task.enqueued')).toHaveLength(2)
    const reports = only('observer.error')
    if (expected === undefined) expect(reports).toEqual([])
    else
      expect(reports[0]).toMatchObject({
        observer: 'hook.wrapEnqueue',
        error: { message: expect.stringMatching(expected) },
      })
  })

  test.each([
    [
      'throws before next',
      () => {
        throw ownError
      },
      true,
    ],
    [
      'throws after next',
      (_o: unknown, next: () => unknown) => {
        next()
        throw ownError
      },
      true,
    ],
    ['rejects', () => Promise.reject(ownError), true],
    ['forgets next', () => undefined, true],
    [
      'calls next twice',
      (_o: unknown, next: () => unknown) => {
        next()
        return next()
      },
      false,
    ],
    ['swallows the result', (_o: unknown, next: () => unknown) => void next(), false],
    ['is asynchronous', async (_o: unknown, next: () => unknown) => next(), false],
    [
      'adds to the promise',
      (_o: unknown, next: () => unknown) => Promise.resolve(next()).finally(() => {}),
      false,
    ],
    ['never settles', never, true],
    [
      'returns a thenable that throws',
      (_o: unknown, next: () => unknown) => (
        next(),
        {
          then() {
            throw ownError
          },
        }
      ),
      true,
    ],
    [
      'returns an object whose then cannot be read',
      (_o: unknown, next: () => unknown) => (
        next(),
        {
          get then() {
            throw ownError
          },
        }
      ),
      true,
    ],
  ])('runInternal that %s changes nothing', async (_what, hook, isReported) => {
    const plain = await outcomes({})
    const { done, only } = await outcomes({ runInternal: hook as Observer['runInternal'] & {} })
    expect(done).toEqual(plain.done)
    expect(only('observer.error').length > 0).toBe(isReported)
  })

  test.each([
    ['passes on', (_o: unknown, next: () => unknown) => next()],
    ['is asynchronous', async (_o: unknown, next: () => unknown) => next()],
    [
      'adds to the promise',
      (_o: unknown, next: () => unknown) => Promise.resolve(next()).finally(() => {}),
    ],
  ])(
    'runInternal that %s leaves no rejection unhandled when the store fails',
    async (_what, hook) => {
      const backend = faultyBackend(memoryBackend(), ({ method }) =>
        method === ('list' as string) || method === 'insert' ? 'failBefore' : undefined,
      )
      const clock = manualClock()
      const { executor, only } = recorded({
        tasks: [ok],
        backend,
        clock,
        observers: [
          { name: 'hook', onEvent() {}, runInternal: hook as Observer['runInternal'] & {} },
        ],
      })
      const enqueued = executor.enqueue(ok, 1)
      enqueued.catch(() => {})
      await clock.advance(2_000)
      await expect(enqueued).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
      expect(only('observer.error')).toEqual([])
    },
  )

  test('a hook that hangs is not asked again for a minute, so it holds up one task and not every task', async () => {
    const clock = manualClock()
    let asked = 0
    const hook = (): Promise<never> => {
      asked += 1
      return never()
    }
    const { executor, only } = recorded({
      tasks: [ok],
      clock,
      observers: [{ name: 'hook', onEvent() {}, wrapRun: hook, wrapEnqueue: hook }],
    })
    const results: unknown[] = []
    const run = async (): Promise<void> => {
      for (let input = 0; input < 10; input++)
        results.push(await (await executor.enqueue(ok, input)).result())
    }
    const done = run()
    await clock.advance(5_000)
    await done
    expect(results).toHaveLength(10)
    expect(asked).toBe(1)
    expect(only('observer.error')).toHaveLength(1)
    await clock.advance(60_000)
    const last = executor.enqueue(ok, 99)
    await clock.advance(5_000)
    expect(await (await last).result()).toBe(198)
    expect(asked).toBe(2)
  })

  test('nest in order, the first outermost, around one run of the core', async () => {
    const steps: string[] = []
    const observer = (name: string): Observer => ({
      name,
      async wrapEnqueue(_operation, next) {
        steps.push(`${name} enqueue`)
        const answer = await next()
        steps.push(`${name} enqueued`)
        return answer
      },
      async wrapRun(_run, next) {
        steps.push(`${name} run`)
        const answer = await next()
        steps.push(`${name} ran`)
        return answer
      },
      runInternal(operation, next) {
        if (operation !== 'persist') return next()
        steps.push(`${name} persist`)
        const answer = next()
        steps.push(`${name} persisted`)
        return answer
      },
    })
    const task = defineTask({ name: 'task', run: () => void steps.push('body') })
    const { executor } = recorded({ tasks: [task], observers: [observer('a'), observer('b')] })
    await executor.start()
    steps.length = 0
    await (await executor.enqueue(task)).result()
    await executor.drain()
    const persist = ['a persist', 'b persist', 'b persisted', 'a persisted']
    expect(steps.filter((step) => !/enqueued|ran/.test(step))).toEqual([
      'a enqueue',
      'b enqueue',
      ...persist,
      'a run',
      'b run',
      'body',
      ...persist,
    ])
    expect(steps.indexOf('b enqueued')).toBeLessThan(steps.indexOf('a enqueued'))
    expect(steps.indexOf('b ran')).toBeLessThan(steps.indexOf('a ran'))
  })

  test('wrapRun is given the attempt, and next its end: before the record and the events say so', async () => {
    const seen: { run: Omit<RunOperation, 'signal'>; result: RunResult; status: unknown }[] = []
    const { executor } = recorded({
      tasks: [fail],
      observers: [
        {
          name: 'spans',
          async wrapRun(run, next) {
            const result = await next()
            const { signal, ...rest } = run
            expect(signal.aborted).toBe(false)
            seen.push({ run: rest, result, status: (await executor.get(run.task.id))?.status })
            return result
          },
        },
      ],
    })
    const handle = await executor.enqueue(fail, undefined, { tags: { a: 'b' } })
    await executor.drain()
    // A hook's own settling is not waited for.
    await waitFor(() => seen.length === 2)
    expect(seen).toMatchObject([
      {
        run: {
          attempt: 0,
          maxAttempts: 2,
          recoveries: 0,
          carrier: {},
          task: { id: handle.id, name: 'fail', tags: { a: 'b' } },
        },
        result: {
          outcome: 'failure',
          status: 'retrying',
          reason: 'error',
          error: new Error('the task failed'),
          expected: false,
        },
      },
      { run: { attempt: 1 }, result: { outcome: 'failure', status: 'failed', retryAt: undefined } },
    ])
    expect(seen[0]?.result.retryAt).toBeGreaterThan(0)
    expect(typeof seen[0]?.result.durationMs).toBe('number')
  })

  test.each([
    ['timeout', 'failure', 'failed', 'timeout'],
    ['cancel', 'cancel', 'cancelled', undefined],
  ])('wrapRun ends with the %s, not with the body', async (what, outcome, status, reason) => {
    const clock = manualClock()
    const results: RunResult[] = []
    const deaf = defineTask({
      name: 'deaf',
      run: never,
      ...(what === 'timeout' ? { timeout: '1s' as const } : {}),
    })
    const { executor } = recorded({
      tasks: [deaf],
      clock,
      observers: [
        {
          async wrapRun(_run, next) {
            const result = await next()
            results.push(result)
            return result
          },
        },
      ],
    })
    const handle = await executor.enqueue(deaf)
    await clock.settle()
    if (what === 'cancel') await handle.cancel()
    await clock.advance(5_000)
    expect(results).toMatchObject([{ outcome, status }])
    if (reason !== undefined) expect(results[0]?.reason).toBe(reason)
  })

  test('the async context that a wrapRun hook opens reaches the body, its helpers and its hooks', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const task = defineTask({
      name: 'task',
      onStart: () => void seen.push(storage.getStore()),
      async run() {
        seen.push(storage.getStore())
        await Promise.resolve()
        seen.push(storage.getStore())
        expect(getTaskContext()?.taskName).toBe('task')
      },
    })
    const { executor } = recorded({
      tasks: [task],
      observers: [{ wrapRun: (run, next) => storage.run(`span of ${run.attempt}`, next) }],
    })
    await (await executor.enqueue(task)).result()
    expect(seen).toEqual(['span of 0', 'span of 0', 'span of 0'])
  })

  test('the async context of a hook that awaits before next reaches the body too', async () => {
    const storage = new AsyncLocalStorage<string>()
    let seen: string | undefined
    const task = defineTask({ name: 'task', run: () => void (seen = storage.getStore()) })
    const { executor } = recorded({
      tasks: [task],
      observers: [
        {
          wrapRun: (_run, next) =>
            storage.run('opened', async () => {
              await Promise.resolve()
              return next()
            }),
        },
      ],
    })
    await (await executor.enqueue(task)).result()
    expect(seen).toBe('opened')
  })

  test('the carrier that wrapEnqueue fills is stored, kept through retries, and given to wrapRun and the body', async () => {
    const carriers: unknown[] = []
    const bodies: unknown[] = []
    const task = defineTask({
      name: 'task',
      retries: 1,
      backoff: { delay: 0, jitter: 'none' },
      run(_input: unknown, { traceContext, attempt }) {
        bodies.push(traceContext)
        if (attempt === 0) throw new Error('again')
      },
    })
    const { executor, events } = recorded({
      tasks: [task],
      observers: [
        {
          wrapEnqueue(operation, next) {
            operation.carrier['traceparent'] = `00-of-${operation.kind}-${operation.tasks.length}`
            return next()
          },
          wrapRun(run, next) {
            carriers.push(run.carrier)
            return next()
          },
        },
      ],
    })
    const handle = await executor.enqueue(task)
    await handle.result()
    const expected = { traceparent: '00-of-enqueue-1' }
    expect(carriers).toEqual([expected, expected])
    expect(bodies).toEqual([expected, expected])
    expect((await handle.record())?.traceContext).toEqual(expected)
    expect(
      events
        .filter((event) => 'taskId' in event)
        .every(({ traceContext }) => traceContext?.['traceparent'] === '00-of-enqueue-1'),
    ).toBe(true)

    const [first] = await executor.enqueueMany([{ task }, { task }])
    expect((await first?.record())?.traceContext).toEqual({ traceparent: '00-of-batch-2' })
    const own = await executor.enqueue(task, undefined, { traceContext: { traceparent: 'mine' } })
    expect((await own.record())?.traceContext).toEqual({ traceparent: 'mine' })
  })

  test('a carrier that cannot be stored costs the carrier, not the task', async () => {
    const { executor } = recorded({
      tasks: [ok],
      observers: [
        {
          wrapEnqueue(operation, next) {
            ;(operation.carrier as Record<string, unknown>)['bad'] = { nested: true }
            return next()
          },
        },
      ],
    })
    const handle = await executor.enqueue(ok, 4)
    expect(await handle.result()).toBe(8)
    expect((await handle.record())?.traceContext).toBeUndefined()
  })

  test('wrapEnqueue passes on the errors of enqueue, and surrounds nothing that was refused before', async () => {
    let wrapped = 0
    const { executor, only } = recorded({
      tasks: [ok],
      observers: [
        {
          async wrapEnqueue(_operation, next) {
            wrapped += 1
            return next()
          },
        },
      ],
    })
    await executor.enqueue(ok, 1, { id: 'mine' })
    await expect(executor.enqueue(ok, 2, { id: 'mine' })).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
    })
    await expect(executor.enqueue(ok, 2, { priority: 0.5 })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    })
    expect(wrapped).toBe(2)
    expect(only('observer.error')).toEqual([])
  })

  test('come and go with their observer', async () => {
    let runs = 0
    const { executor } = recorded({ tasks: [ok] })
    const off = executor.observe({
      wrapRun(_run, next) {
        runs += 1
        return next()
      },
    })
    await (await executor.enqueue(ok, 1)).result()
    await off()
    await (await executor.enqueue(ok, 1)).result()
    expect(runs).toBe(1)
  })

  test('runInternal surrounds the calls to the store, by kind', async () => {
    const kinds = new Set<string>()
    const clock = manualClock()
    const { executor } = recorded({
      tasks: [ok],
      clock,
      observers: [
        {
          runInternal(operation, next) {
            kinds.add(operation)
            return next()
          },
        },
      ],
    })
    await (await executor.enqueue(ok, 1)).result()
    await clock.advance(60_000)
    expect([...kinds].toSorted()).toEqual(['heartbeat', 'persist', 'poll', 'sweep'])
  })
})

describe('the base context', () => {
  test('no task, loop, timer or hook inherits the context of the request that happened to start it', async () => {
    const request = new AsyncLocalStorage<string>()
    const seen = new Map<string, string | undefined>()
    const note = (what: string) => void seen.set(what, request.getStore())
    const retry = defineTask({
      name: 'retry',
      retries: 1,
      backoff: { delay: 1, jitter: 'none' },
      onStart: () => note('onStart'),
      onFinal: () => note('onFinal'),
      run(_input: unknown, { attempt }) {
        note(`attempt ${attempt}`)
        if (attempt === 0) throw new Error('again')
      },
    })
    const plain = defineTask({ name: 'plain', run: (input: string) => note(input) })
    const { executor, only } = recorded({ tasks: [retry, plain], concurrency: 1 })
    await request.run('request A', async () => {
      await executor.start()
      await executor.enqueue(retry)
      await executor.enqueue(plain, 'waited for a slot')
      await executor.enqueue(plain, 'delayed', { delay: 2 })
      await executor.enqueueMany([{ task: plain, input: 'batch' }])
    })
    await request.run('request B', () => executor.drain())
    await new Promise((resolve) => setTimeout(resolve, 5))
    await executor.drain()
    expect(only('task.succeeded')).toHaveLength(4)
    expect([...seen].filter(([, store]) => store !== undefined)).toEqual([])
    expect(seen.size).toBe(7)
  })

  test('is that of the place where the executor was made, without its bound fields', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const task = defineTask({ name: 'task', run: () => void seen.push(storage.getStore()) })
    const { executor } = storage.run('app', () => recorded({ tasks: [task] }))
    await storage.run('request', async () => (await executor.enqueue(task)).result())
    expect(seen).toEqual(['app'])
  })

  test('a caller keeps its own context through enqueue, result and close', async () => {
    const request = new AsyncLocalStorage<string>()
    const { executor } = recorded({ tasks: [ok] })
    onTestFinished(() => executor.close())
    await request.run('mine', async () => {
      const handle = await executor.enqueue(ok, 1)
      expect(request.getStore()).toBe('mine')
      await handle.result()
      expect(request.getStore()).toBe('mine')
      await executor.close()
      expect(request.getStore()).toBe('mine')
    })
  })
})
