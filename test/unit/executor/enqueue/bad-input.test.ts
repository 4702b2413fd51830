import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'
import { stores } from '../../../support/stores.ts'

class Money {
  readonly amount = 1
}
const any = defineTask({ name: 'any', run: (_input: unknown) => 1 })
const cyclic: Record<string, unknown> = {}
cyclic['order'] = { customer: cyclic }
let deep: unknown = 1
for (let level = 0; level < 1e5; level++) deep = { next: deep }

describe.each(stores)('an input that JSON would change, on $name', ({ create }) => {
  it.each<[string, unknown, string, string]>([
    ['a BigInt', { order: { total: 10n } }, 'order.total', 'bigint 10n'],
    ['a Date', { at: new Date() }, 'at', 'a Date'],
    ['a Map', { prices: new Map() }, 'prices', 'a Map'],
    ['a class instance', [new Money()], '[0]', 'a Money'],
    ['NaN', { items: [{ price: Number.NaN }] }, 'items[0].price', 'number NaN'],
    ['undefined in an array', { list: [1, undefined] }, 'list[1]', 'undefined'],
    ['a function', () => 1, '', 'a function'],
    ['a symbol', { s: Symbol('s') }, 's', 'a symbol'],
  ])('is refused with its path, and nothing is stored: %s', async (_what, input, path, got) => {
    const { executor, types } = recorded({ backend: create()(), tasks: [any] })
    await expect(executor.enqueue(any, input)).rejects.toMatchObject({
      name: 'NotSerializableError',
      code: 'NOT_SERIALIZABLE',
      path,
      got,
      message: expect.stringContaining('task "any": the input cannot be stored as JSON'),
    })
    expect((await executor.list()).records).toEqual([])
    expect(types()).toEqual(['executor.started'])
  })

  it('is refused when it is a cycle or 100,000 levels deep', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [any] })
    for (const input of [cyclic, deep]) {
      await expect(executor.enqueue(any, input)).rejects.toMatchObject({
        code: 'NOT_SERIALIZABLE',
        got: 'a cycle, or nesting deeper than 1000',
      })
    }
    expect((await executor.list()).records).toEqual([])
  })

  it('is refused as a circular object under an idempotency key, and the key stays free', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [any] })
    await expect(executor.enqueue(any, cyclic, { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'NOT_SERIALIZABLE',
    })
    expect((await executor.enqueue(any, 1, { idempotencyKey: 'k' })).deduplicated).toBe(false)
  })

  it('is taken as JSON takes it: properties that are undefined, null prototypes, NUL, lone surrogates', async () => {
    const echo = defineTask({ name: 'echo', run: (input: unknown) => input })
    const { executor } = recorded({ backend: create()(), tasks: [echo] })
    const input = {
      a: undefined,
      b: 'x\u0000y',
      c: '\ud800',
      d: Object.assign(Object.create(null), { e: 1 }),
      '': [[]],
      ['__proto__x']: null,
    }
    const handle = await executor.enqueue(echo, input)
    const expected = { b: 'x\u0000y', c: '\ud800', d: { e: 1 }, '': [[]], __proto__x: null }
    expect(await handle.result()).toEqual(expected)
    expect((await executor.get(handle.id))?.input).toEqual(expected)
  })
})

describe('wrong options of a call', () => {
  it.each<[string, object | null | string, string]>([
    ['an unknown name', { retires: 3 }, 'retires'],
    ['a wrong value', { retries: -1 }, 'retries'],
    ['a wrong id', { id: 'a b' }, 'id'],
    ['an empty id', { id: '' }, 'id'],
    ['an id of 129 characters', { id: 'i'.repeat(129) }, 'id'],
    ['an id that is no string', { id: 7 }, 'id'],
    ['a wrong priority', { priority: 1_000_001 }, 'priority'],
    ['a wrong trace context', { traceContext: { traceparent: 1 } }, 'traceContext["traceparent"]'],
    ['an unknown backoff field', { backoff: { delya: 1 } }, 'backoff.delya'],
    ['options that are text', 'fast', 'options'],
    ['options that are a list', [], 'options'],
  ])('are refused, and nothing is stored: %s', async (_what, options, option) => {
    const { executor } = recorded({ tasks: [any] })
    await expect(executor.enqueue(any, 1, options as never)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option,
    })
    expect((await executor.list()).records).toEqual([])
  })

  it('reject, and never throw, also before the executor has started', async () => {
    const { executor } = recorded({ tasks: [any] })
    const rejected = executor.enqueue(any, 1, { retries: -1 })
    await expect(rejected).rejects.toMatchObject({
      message: 'task "any": option "retries" must be an integer from 0, or Infinity; got number -1',
    })
    await expect(executor.enqueue(any, 1n)).rejects.toMatchObject({ code: 'NOT_SERIALIZABLE' })
  })
})

describe('enqueue after close', () => {
  it('is refused, and so is everything that needs the store', async () => {
    const { executor, types } = recorded({ tasks: [any] })
    const handle = await executor.enqueue(any, 1)
    await handle.result()
    await executor.close()
    const closed = { name: 'ExecutorClosedError', code: 'EXECUTOR_CLOSED' }
    await expect(executor.enqueue(any, 1)).rejects.toMatchObject(closed)
    await expect(executor.enqueueMany([{ task: any }])).rejects.toMatchObject(closed)
    await expect(executor.start()).rejects.toMatchObject(closed)
    await expect(executor.get(handle.id)).rejects.toMatchObject(closed)
    await expect(executor.retry(handle.id)).rejects.toMatchObject(closed)
    expect(types().at(-1)).toBe('executor.closed')
  })

  it('a wrong grace is refused, and the executor can still be closed', async () => {
    const { executor, types } = recorded({ tasks: [any] })
    await executor.start()
    await expect(executor.close({ grace: 'soon' as never })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'grace',
    })
    await expect(executor.close(null as never)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' })
    expect(await (await executor.enqueue(any, 1)).result()).toBe(1)
    await executor.close({ grace: 0 })
    expect(types().at(-1)).toBe('executor.closed')
  })
})

describe('wrong questions', () => {
  it('are refused, and an unknown id is undefined, never pending', async () => {
    const { executor } = recorded({ tasks: [any] })
    expect(await executor.get('unknown')).toBeUndefined()
    expect(await executor.cancel('unknown')).toBe(false)
    await expect(executor.retry('unknown')).rejects.toMatchObject({ code: 'RESULT_UNAVAILABLE' })
    await expect(executor.get(7 as never)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'id',
    })
    await expect(executor.cancel(undefined as never)).rejects.toMatchObject({ option: 'id' })
    await expect(executor.list({ state: 'failed' } as never)).rejects.toMatchObject({
      option: 'state',
    })
    await expect(executor.list({ status: 'done' as never })).rejects.toMatchObject({
      option: 'status',
    })
    await expect(executor.list({ limit: 0 })).rejects.toMatchObject({ option: 'limit' })
    await expect(executor.list({ cursor: 'x' })).rejects.toMatchObject({ option: 'cursor' })
    expect(() => executor.observe(null as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    )
    expect(() => executor.setConcurrency(-1)).toThrow(
      expect.objectContaining({ option: 'concurrency' }),
    )
    expect(() => executor.register({ name: 'x' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    )
  })
})
