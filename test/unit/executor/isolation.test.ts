import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { defineTask, taskLog } from '../../../src/index.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { gate, recorded } from '../../support/recorded.ts'

// Vitest runs this process with --unhandled-rejections=strict: one that escapes ends the run.

const good = defineTask({ name: 'good', run: (input: number) => input + 1 })

class Misborn extends Promise<string> {
  // A subclass whose constructor cannot be called by `then`.
  constructor(executor: unknown) {
    if (typeof executor !== 'function' || Misborn.isBroken) throw new TypeError('not like this')
    super(executor as () => void)
  }
  static isBroken = false
}

const failing: readonly (readonly [string, () => unknown, object])[] = [
  [
    'throws null',
    () => {
      throw null
    },
    { name: 'NonError', message: 'null' },
  ],
  [
    'throws undefined',
    () => {
      throw undefined
    },
    { name: 'NonError', message: 'undefined' },
  ],
  [
    'throws a string',
    () => {
      throw 'no'
    },
    { message: 'no' },
  ],
  [
    'throws a symbol',
    () => {
      throw Symbol('s')
    },
    { message: 'Symbol(s)' },
  ],
  [
    'throws an object without a prototype',
    () => {
      throw Object.create(null)
    },
    {},
  ],
  [
    'throws an object whose getters throw',
    () => {
      throw Object.defineProperties(
        {},
        {
          name: {
            get() {
              throw new Error('name')
            },
          },
          message: {
            get() {
              throw new Error('message')
            },
          },
          stack: {
            get() {
              throw new Error('stack')
            },
          },
          cause: {
            get() {
              throw new Error('cause')
            },
          },
        },
      )
    },
    {},
  ],
  [
    'throws an error that causes itself',
    () => {
      const error = new Error('circle')
      error.cause = error
      throw error
    },
    { message: 'circle' },
  ],
  ['rejects with nothing', () => Promise.reject(), {}],
  [
    'rejects late',
    async () => {
      await sleep(1)
      throw new Error('late')
    },
    { message: 'late' },
  ],
  [
    'returns a thenable that throws',
    () => ({
      then() {
        throw new Error('then')
      },
    }),
    { message: 'then' },
  ],
  [
    'returns a thenable that rejects by itself',
    () => ({
      async then() {
        throw new Error('then')
      },
    }),
    { message: 'then' },
  ],
  [
    'returns a thenable that rejects twice',
    () => ({
      then(_resolve: unknown, reject: (error: Error) => void) {
        reject(new Error('first'))
        reject(new Error('second'))
      },
    }),
    { message: 'first' },
  ],
  [
    'returns a thenable that rejects, then resolves, then throws',
    () => ({
      then(resolve: (value: string) => void, reject: (error: Error) => void) {
        reject(new Error('first'))
        resolve('second')
        throw new Error('third')
      },
    }),
    { message: 'first' },
  ],
  [
    'returns an object whose then cannot be read',
    () => ({
      get then() {
        throw new Error('getter')
      },
    }),
    { message: 'getter' },
  ],
  [
    'overflows the stack',
    () => {
      const dive = (): number => dive() + 1
      return dive()
    },
    { name: 'RangeError' },
  ],
]

const succeeding: readonly (readonly [string, () => unknown, unknown])[] = [
  [
    'returns a thenable that resolves twice',
    () => ({
      then(resolve: (value: string) => void, reject: (error: Error) => void) {
        resolve('first')
        resolve('second')
        reject(new Error('third'))
      },
    }),
    'first',
  ],
  [
    'returns a thenable that resolves, then throws',
    () => ({
      then(resolve: (value: string) => void) {
        resolve('first')
        throw new Error('second')
      },
    }),
    'first',
  ],
  [
    'returns a promise whose own then calls back twice',
    () => {
      const promise = Promise.resolve('first')
      promise.then = ((resolve: (value: string) => void) => {
        resolve('own')
        resolve('again')
        return undefined
      }) as unknown as typeof promise.then
      return promise
    },
    'own',
  ],
  [
    'returns a thenable of a thenable',
    () => ({
      then: (resolve: (value: unknown) => void) => resolve(Promise.resolve('inner')),
    }),
    'inner',
  ],
  ['returns nothing', () => undefined, undefined],
]

describe('an attempt that', () => {
  test.each(failing)(
    '%s fails by itself, and leaves the others alone',
    async (_what, run, error) => {
      const bad = defineTask({ name: 'bad', run })
      const { executor, types } = recorded(
        { tasks: [bad, good], concurrency: 2 },
        { complete: true },
      )
      const handle = await executor.enqueue(bad)
      const others = await executor.enqueueMany(
        Array.from({ length: 20 }, (_, input) => ({ task: good, input })),
      )
      await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_FAILED' })
      expect(await Promise.all(others.map((each) => each.result()))).toEqual(
        others.map((_, index) => index + 1),
      )
      expect((await handle.record())?.error).toMatchObject(error)
      expect(types(handle.id)).toEqual([
        'task.enqueued',
        'attempt.started',
        'attempt.failed',
        'task.failed',
      ])
      expect(executor.stats().running).toBe(0)
    },
  )

  test.each(succeeding)('%s succeeds once', async (_what, run, expected) => {
    const odd = defineTask({ name: 'odd', run })
    const { executor, types } = recorded({ tasks: [odd] }, { complete: true })
    const handle = await executor.enqueue(odd)
    expect(await handle.result()).toEqual(expected)
    await sleep(0)
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
  })

  test('returns a promise of a broken subclass fails by itself', async () => {
    const broken = defineTask({
      name: 'broken',
      run() {
        const promise = new Misborn((resolve: (value: string) => void) => resolve('x'))
        Misborn.isBroken = true
        return promise
      },
    })
    const { executor } = recorded({ tasks: [broken, good] }, { complete: true })
    const handle = await executor.enqueue(broken)
    await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_FAILED' })
    expect(await (await executor.enqueue(good, 1)).result()).toBe(2)
  })

  test('never settles leaves the other slots alone', async () => {
    const stuck = defineTask({ name: 'stuck', run: () => new Promise(() => {}) })
    const { executor } = recorded({ tasks: [stuck, good], concurrency: 2 })
    await executor.enqueue(stuck)
    const handles = await executor.enqueueMany(
      Array.from({ length: 50 }, (_, input) => ({ task: good, input })),
    )
    await Promise.all(handles.map((each) => each.result()))
    expect(executor.stats()).toMatchObject({ running: 1, queued: 0 })
  })

  test('settles after its end has its result refused, and its words go to the fallback logger', async () => {
    const clock = manualClock()
    const end = gate<string>()
    const task = defineTask({
      name: 'late',
      timeout: '1s',
      async run(_input: unknown, context) {
        const value = await end.promise
        taskLog('too late')
        context.progress(1, 1)
        return value
      },
    })
    const { executor, types, only } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    end.open('late')
    await clock.settle()
    expect(types(handle.id).slice(2)).toEqual([
      'attempt.failed',
      'task.failed',
      'attempt.overrun',
      'attempt.discarded',
    ])
    expect(only('task.log')).toEqual([])
    expect(await handle.record()).toMatchObject({ status: 'failed', result: undefined, logs: [] })
  })

  test('rejects after its end leaves no rejection unhandled', async () => {
    const clock = manualClock()
    const end = gate()
    const task = defineTask({ name: 'late', timeout: '1s', run: () => end.promise })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    end.fail(new Error('late'))
    await clock.settle()
    expect(types(handle.id).slice(4)).toEqual(['attempt.overrun', 'attempt.discarded'])
  })

  test('fails without anybody asking for its result leaves no rejection unhandled', async () => {
    const bad = defineTask({ name: 'bad', run: () => Promise.reject(new Error('no')) })
    const { executor } = recorded({ tasks: [bad] }, { complete: true })
    for (let round = 0; round < 50; round++) await executor.enqueue(bad)
    await executor.drain()
    expect(await executor.counts()).toMatchObject({ failed: 50 })
  })

  test('freezes, empties or replaces what it is given changes nothing for the next attempt', async () => {
    const seen: unknown[] = []
    const vandal = defineTask({
      name: 'vandal',
      retries: 1,
      backoff: { delay: 0, jitter: 'none' },
      run(input: { list: number[] }, { attempt, tags, headers }) {
        seen.push({ input: structuredClone(input), tags: { ...tags }, headers: { ...headers } })
        input.list.length = 0
        for (const each of [tags, headers] as Record<string, string>[]) {
          try {
            each['a'] = 'changed'
          } catch {
            // frozen
          }
        }
        if (attempt === 0) throw new Error('again')
      },
    })
    const { executor } = recorded({ tasks: [vandal] }, { complete: true })
    const input = { list: [1, 2, 3] }
    const handle = await executor.enqueue(vandal, input, {
      tags: { a: 'tag' },
      headers: { a: 'header' },
    })
    await handle.result()
    const expected = { input: { list: [1, 2, 3] }, tags: { a: 'tag' }, headers: { a: 'header' } }
    expect(seen).toEqual([expected, expected])
    expect(input).toEqual({ list: [1, 2, 3] })
  })
})
