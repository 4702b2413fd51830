import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'
import { stores } from '../../../support/stores.ts'

const double = defineTask({ name: 'double', input: z.number(), run: (n) => n * 2 })
const greet = defineTask({ name: 'greet', run: (who: string) => `hello ${who}` })
const tasks = [double, greet]

describe.each(stores)('enqueueMany, on $name', ({ create }) => {
  it('accepts several tasks with options of their own, and answers in order', async () => {
    const { executor, only } = recorded({ backend: create()(), tasks })
    const handles = await executor.enqueueMany([
      { task: double, input: 21, options: { tags: { n: '1' } } },
      { task: 'greet', input: 'you', options: { priority: 5, delay: 1 } },
      { task: double, input: 1, options: { id: 'mine' } },
    ])
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([
      42,
      'hello you',
      2,
    ])
    expect(handles[2]?.id).toBe('mine')
    expect(only('task.enqueued').map((event) => [event.taskName, event.tags])).toEqual([
      ['double', { n: '1' }],
      ['double', {}],
    ])
    expect(only('task.scheduled').map((event) => [event.taskName, event.priority])).toEqual([
      ['greet', 5],
    ])
  })

  it.each<[string, unknown, string]>([
    ['an invalid input', { task: double, input: 'x' }, 'INPUT_INVALID'],
    ['an input that JSON would change', { task: greet, input: new Date() }, 'NOT_SERIALIZABLE'],
    ['an unknown option', { task: greet, input: 'x', options: { prio: 1 } }, 'INVALID_OPTIONS'],
    ['an unknown task', { task: 'nope' }, 'UNKNOWN_TASK'],
    ['an id that exists', { task: greet, input: 'x', options: { id: 'taken' } }, 'DUPLICATE_TASK'],
    ['an id given twice', { task: greet, input: 'x', options: { id: 'twice' } }, 'DUPLICATE_TASK'],
    [
      'a key of another input',
      { task: greet, input: 'x', options: { idempotencyKey: 'key' } },
      'IDEMPOTENCY_MISMATCH',
    ],
    ['nothing at all', null, 'INVALID_OPTIONS'],
  ])('stores nothing when one of them is %s', async (_what, bad, code) => {
    const { executor, types } = recorded({ backend: create()(), tasks })
    await executor.enqueue(greet, 'first', { id: 'taken', idempotencyKey: 'key' })
    await executor.drain()
    const before = types().length
    const good = { task: greet, input: 'good', options: { id: 'twice' } }
    await expect(
      executor.enqueueMany([good, bad as never, { task: greet, input: 'also good' }]),
    ).rejects.toMatchObject({ code })
    expect((await executor.list()).records.map((record) => record.id)).toEqual(['taken'])
    expect(types()).toHaveLength(before)
    expect(executor.stats()).toMatchObject({ running: 0, queued: 0, waiting: 0 })
    expect(await (await executor.enqueue(greet, 'after')).result()).toBe('hello after')
  })

  it('gives the existing handle for a key that is held, and stores the others', async () => {
    const { executor, types } = recorded({ backend: create()(), tasks })
    const first = await executor.enqueue(greet, 'a', { idempotencyKey: 'a' })
    await first.result()
    const handles = await executor.enqueueMany([
      { task: greet, input: 'b', options: { idempotencyKey: 'b' } },
      { task: greet, input: 'a', options: { idempotencyKey: 'a' } },
      { task: greet, input: 'b', options: { idempotencyKey: 'b' } },
    ])
    expect(handles.map((handle) => handle.deduplicated)).toEqual([false, true, true])
    expect(handles[1]?.id).toBe(first.id)
    expect(handles[2]?.id).toBe(handles[0]?.id)
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([
      'hello b',
      'hello a',
      'hello b',
    ])
    expect(types(first.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.succeeded',
      'task.deduplicated',
    ])
    expect((await executor.list()).records).toHaveLength(2)
  })

  it('of nothing is nothing', async () => {
    const { executor } = recorded({ backend: create()(), tasks })
    expect(await executor.enqueueMany([])).toEqual([])
    await expect(executor.enqueueMany(undefined as never)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'items',
    })
  })
})
