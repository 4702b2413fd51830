import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const circular: Record<string, unknown> = {}
circular['self'] = circular

describe.each(stores)('results, on $name', ({ create }) => {
  it('are what JSON makes of them, here as elsewhere', async () => {
    const open = create()
    const value = {
      at: new Date(0),
      none: undefined,
      list: [undefined, Number.NaN],
      nested: { toJSON: () => 'shown' },
      map: new Map([[1, 2]]),
    }
    const task = defineTask({ name: 't', run: () => value })
    const { executor, only } = recorded({ backend: open(), tasks: [task] })
    const handle = await executor.enqueue(task)
    const expected = {
      at: '1970-01-01T00:00:00.000Z',
      list: [null, null],
      nested: 'shown',
      map: {},
    }
    expect(await handle.result()).toEqual(expected)
    expect((await handle.record())?.result).toEqual(expected)
    expect(only('task.succeeded')[0]?.resultBytes).toBe(Buffer.byteLength(JSON.stringify(value)))
    const { executor: web } = joined({ backend: open(), work: false })
    expect((await web.get(handle.id))?.result).toEqual(expected)
  })

  it.each<[string, unknown, unknown]>([
    ['undefined', undefined, undefined],
    ['a function', () => 1, undefined],
    ['null', null, null],
    ['false', false, false],
    ['an empty string', '', ''],
    ['NUL and a lone surrogate', '\u0000\ud800', '\u0000\ud800'],
  ])('may be %s', async (_what, value, expected) => {
    const task = defineTask({ name: 't', run: () => value })
    const { executor } = recorded({ backend: create()(), tasks: [task] })
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toEqual(expected)
    expect(await handle.record()).toMatchObject({ status: 'succeeded', resultError: undefined })
  })

  it.each<[string, unknown, string]>([
    ['a circular object', circular, 'circular'],
    ['a BigInt', { n: 1n }, 'BigInt'],
    [
      'an object whose toJSON throws',
      {
        toJSON: () => {
          throw new Error('no json')
        },
      },
      'no json',
    ],
    ['100,000 levels', Array.from({ length: 1e5 }).reduce<unknown>((inner) => [inner], 1), 'stack'],
  ])(
    'that cannot be stored leave the task succeeded, with resultError, and it is not run again: %s',
    async (_what, value, message) => {
      let runs = 0
      const task = defineTask({
        name: 't',
        retries: 5,
        run: () => {
          runs += 1
          return value
        },
      })
      const { executor, types, only } = recorded({ backend: create()(), tasks: [task] })
      const handle = await executor.enqueue(task)
      await expect(handle.result()).rejects.toMatchObject({
        code: 'RESULT_UNAVAILABLE',
        taskId: handle.id,
      })
      expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
      expect(only('task.succeeded')[0]).toMatchObject({
        resultBytes: 0,
        resultError: { message: expect.stringContaining(message) },
      })
      expect(await handle.record()).toMatchObject({
        status: 'succeeded',
        result: undefined,
        resultError: { message: expect.stringContaining(message) },
      })
      expect(runs).toBe(1)
    },
  )

  it('larger than maxResultBytes of JSON are not stored: bytes, not characters', async () => {
    const task = defineTask({ name: 't', maxResultBytes: 12, run: (text: string) => text })
    const { executor } = recorded({ backend: create()(), tasks: [task] })
    expect(await (await executor.enqueue(task, 'x'.repeat(10))).result()).toBe('x'.repeat(10))
    for (const text of ['x'.repeat(11), 'ü'.repeat(6)]) {
      const handle = await executor.enqueue(task, text)
      await expect(handle.result()).rejects.toThrow('more than maxResultBytes (12)')
      expect(await handle.record()).toMatchObject({ status: 'succeeded', result: undefined })
    }
  })

  it('are not stored with keepResult: false; the status is', async () => {
    const open = create()
    const task = defineTask({ name: 't', keepResult: false, run: () => 'secret' })
    const { executor } = recorded({ backend: open(), tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toMatchObject({
      code: 'RESULT_UNAVAILABLE',
      message: expect.stringContaining('keepResult: false'),
    })
    expect(await handle.record()).toMatchObject({
      status: 'succeeded',
      result: undefined,
      resultError: undefined,
    })
    const kept = await executor.enqueue(task, undefined, { keepResult: true })
    expect(await kept.result()).toBe('secret')
  })

  it('are gone after resultTtl, from the handle and from the record', async () => {
    const clock = manualClock()
    const task = defineTask({ name: 't', resultTtl: '1m', run: () => 'fresh' })
    const { executor } = recorded({ backend: create()(), tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(60_000)
    expect(await handle.result()).toBe('fresh')
    expect((await handle.record())?.result).toBe('fresh')
    await clock.advance(1)
    await expect(handle.result()).rejects.toMatchObject({
      code: 'RESULT_UNAVAILABLE',
      message: expect.stringContaining('resultTtl'),
    })
    expect(await handle.record()).toMatchObject({ status: 'succeeded', result: undefined })
    expect((await executor.list()).records[0]?.result).toBeUndefined()
  })

  it('storeErrors: false keeps name and fingerprint of an error, and result() is independent of it', async () => {
    const task = defineTask({
      name: 't',
      storeErrors: false,
      run: (ok: boolean) => {
        if (!ok) throw new TypeError('card 4242')
        return 'ok'
      },
    })
    const { executor, only } = recorded({ backend: create()(), tasks: [task] })
    const handle = await executor.enqueue(task, false)
    await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'card 4242' } })
    expect((await handle.record())?.error).toEqual({
      name: 'TypeError',
      message: '[not stored]',
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    expect(only('task.failed')[0]?.error.message).toBe('card 4242')
    expect(await (await executor.enqueue(task, true)).result()).toBe('ok')
  })
})

describe('progress', () => {
  it('is persisted, told at most once a second, and once more when it is complete', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 't',
      run: async (_none: undefined, { progress }) => {
        for (let done = 0; done < 50; done++) {
          progress(done, 50)
          await new Promise<void>((resolve) => clock.setTimeout(resolve, 100))
        }
        for (let again = 0; again < 100; again++) progress(50, 50)
      },
    })
    const { executor, only } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(2_550)
    expect((await handle.record())?.progress).toEqual({ done: 25, total: 50 })
    await clock.advance(5_000)
    expect(only('task.progress').map((event) => [event.level, event.done, event.total])).toEqual([
      ['debug', 0, 50],
      ['debug', 10, 50],
      ['debug', 20, 50],
      ['debug', 30, 50],
      ['debug', 40, 50],
      ['debug', 50, 50],
    ])
    expect(await handle.record()).toMatchObject({
      status: 'succeeded',
      progress: { done: 50, total: 50 },
    })
  })

  it('needs no total, may be taken out of the context, and ignores nonsense with a warning', async () => {
    const task = defineTask({
      name: 't',
      run: (_none: undefined, { progress }) => {
        progress(3)
        for (const wrong of [[-1], [Number.NaN], ['5'], [1, 'x'], [null], []])
          progress(...(wrong as [number, number]))
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await handle.result()
    expect((await handle.record())?.progress).toEqual({ done: 3 })
    expect(only('task.progress')).toHaveLength(1)
    expect(only('task.log').every((event) => event.level === 'warning')).toBe(true)
    expect(only('task.log')[0]?.message).toBe(
      'progress was ignored: expected numbers from 0, got done number -1, total undefined',
    )
  })
})
