import { describe, expect, it } from 'vitest'
import { bindContext, defineTask, taskLog, withContext } from '../../../src/index.ts'
import { eventsOf, recorded } from '../../support/recorded.ts'
import { stores } from '../../support/stores.ts'

const leaf = defineTask({
  name: 'leaf',
  run: (_none: undefined, { requestContext }) => requestContext,
})

describe.each(stores)('bound fields, on $name', ({ create }) => {
  it('go with the task: its record, its events, its retries and its children', async () => {
    const parent = defineTask({
      name: 'parent',
      retries: 1,
      backoff: { delay: 0 },
      run: async (_none: undefined, { enqueue, attempt }) => {
        taskLog('hello')
        if (attempt === 0) throw new Error('again')
        return (await enqueue(leaf)).result()
      },
    })
    const { executor, events } = recorded({ backend: create()(), tasks: [parent, leaf] })
    const fields = { requestId: 'r1', user: { id: 7 } }
    const handle = await withContext(fields, () => executor.enqueue(parent))
    expect(await handle.result()).toEqual(fields)
    expect((await handle.record())?.requestContext).toEqual(fields)
    const own = eventsOf(events, handle.id)
    expect(own.length).toBeGreaterThan(6)
    expect(own.map((event) => event.context)).toEqual(own.map(() => fields))
    expect((await handle.children())[0]?.requestContext).toEqual(fields)
    expect(await (await executor.enqueue(leaf)).result()).toEqual({})
  })
})

describe('bindContext', () => {
  it('adds fields for the rest of the task: lines before do not have them, lines, children and the end do', async () => {
    const task = defineTask({
      name: 't',
      run: async (_none: undefined, { enqueue, requestContext }) => {
        taskLog('before')
        bindContext({ order: 7, note: 'x' })
        taskLog('after')
        bindContext({ order: 8, note: undefined })
        await Promise.resolve()
        taskLog('last')
        return [requestContext, await (await enqueue(leaf)).result()]
      },
    })
    const { executor, events } = recorded({ tasks: [task, leaf] })
    const handle = await withContext({ requestId: 'r1' }, () => executor.enqueue(task))
    const [, child] = await handle.result()
    expect(child).toEqual({ requestId: 'r1', order: 8 })
    expect(eventsOf(events, handle.id).map((event) => [event.type, event.context])).toEqual([
      ['task.enqueued', { requestId: 'r1' }],
      ['attempt.started', { requestId: 'r1' }],
      ['task.log', { requestId: 'r1' }],
      ['task.log', { requestId: 'r1', order: 7, note: 'x' }],
      ['task.log', { requestId: 'r1', order: 8 }],
      ['task.succeeded', { requestId: 'r1', order: 8 }],
    ])
  })

  it('never leaks: not to the task that ran before or after, nor to one at the same time', async () => {
    const task = defineTask({
      name: 't',
      run: async (n: number, context) => {
        bindContext({ [`only${n}`]: n })
        await new Promise((resolve) => setTimeout(resolve, 1))
        return context.requestContext
      },
    })
    const { executor } = recorded({ tasks: [task, leaf], concurrency: 3 })
    const handles = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => executor.enqueue(task, n)))
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => ({ [`only${n}`]: n })),
    )
    expect(await (await executor.enqueue(leaf)).result()).toEqual({})
  })

  it('outside any scope, for no object and past 8 KiB is refused, naming the reason', () => {
    expect(() => bindContext({ a: 1 })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', option: 'fields' }),
    )
    withContext({}, () => {
      for (const bad of [null, undefined, 'x', 7, []]) {
        expect(() => bindContext(bad as never)).toThrow(
          expect.objectContaining({ code: 'INVALID_OPTIONS' }),
        )
      }
      expect(() => bindContext({ big: 'x'.repeat(9_000) })).toThrow(
        'at most 8192 bytes of JSON in all',
      )
      bindContext({ small: 1 })
    })
  })
})

describe('withContext', () => {
  it('adds fields for one function, its log lines and what it enqueues, and ends with it', async () => {
    const task = defineTask({
      name: 't',
      run: async (_none: undefined, { enqueue }) => {
        bindContext({ order: 7 })
        const child = await withContext({ step: 'pay' }, async () => {
          taskLog('inside')
          bindContext({ inner: true })
          await Promise.resolve()
          taskLog('deeper')
          return (await enqueue(leaf)).result()
        })
        taskLog('outside')
        return child
      },
    })
    const { executor, only } = recorded({ tasks: [task, leaf] })
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toEqual({ order: 7, step: 'pay', inner: true })
    expect(only('task.log').map((event) => [event.message, event.context])).toEqual([
      ['inside', { order: 7, step: 'pay' }],
      ['deeper', { order: 7, step: 'pay', inner: true }],
      ['outside', { order: 7 }],
    ])
  })

  it('answers what its function answers, and passes on what it throws', async () => {
    expect(withContext({ a: 1 }, () => 7)).toBe(7)
    await expect(withContext({ a: 1 }, async () => Promise.reject(new Error('x')))).rejects.toThrow(
      'x',
    )
    expect(() => withContext('x' as never, () => 7)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    )
  })

  it('keeps plain copies: what is changed later, or is no JSON, does no harm', async () => {
    const { executor } = recorded({ tasks: [leaf] })
    const fields = { at: new Date(0), nested: { n: 1 }, fn: () => 1, big: 10n }
    const handle = await withContext(fields, () => {
      fields.nested.n = 2
      return executor.enqueue(leaf)
    })
    expect(await handle.result()).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      nested: { n: 1 },
      fn: '[a function]',
      big: '10',
    })
  })
})
