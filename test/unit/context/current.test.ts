import { describe, expect, it } from 'vitest'
import { defineTask, getTaskContext, requireTaskContext } from '../../../src/index.ts'
import { gate, recorded } from '../../support/recorded.ts'
import { joined, stores } from '../../support/stores.ts'

describe('getTaskContext', () => {
  it('is undefined outside a task, and requireTaskContext says what to do', () => {
    expect(getTaskContext()).toBeUndefined()
    expect(() => requireTaskContext()).toThrow(
      /^requireTaskContext\(\) was called outside a task: call it below a task/,
    )
  })

  it('is the context that the body got, anywhere below the task', async () => {
    const seen: unknown[] = []
    const task = defineTask({
      name: 't',
      run: async (_none: undefined, context) => {
        seen.push(getTaskContext() === context, requireTaskContext() === context)
        await new Promise((resolve) => setTimeout(resolve, 1))
        seen.push(getTaskContext() === context)
        await Promise.resolve().then(() => seen.push(getTaskContext() === context))
      },
    })
    const { executor } = recorded({ tasks: [task] })
    await (await executor.enqueue(task)).result()
    expect(seen).toEqual([true, true, true, true])
    expect(getTaskContext()).toBeUndefined()
  })

  it('says who is running', async () => {
    const task = defineTask({
      name: 'say',
      retries: 2,
      run: (_none: undefined, c) => ({
        taskId: c.taskId,
        taskName: c.taskName,
        label: c.label,
        queue: c.queue,
        priority: c.priority,
        source: c.source,
        slot: c.slot ?? null,
        parentId: c.parentId ?? null,
        rootId: c.rootId,
        attempt: c.attempt,
        maxAttempts: c.maxAttempts,
        recoveries: c.recoveries,
        retryOf: c.retryOf ?? null,
        tags: c.tags,
        headers: c.headers,
        aborted: c.signal.aborted,
        traceContext: c.traceContext,
        requestContext: c.requestContext,
      }),
    })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task, undefined, {
      label: 'L',
      queue: 'q',
      priority: 2,
      tags: { a: '1' },
      headers: { h: '1' },
      traceContext: { traceparent: '00' },
    })
    expect(await handle.result()).toEqual({
      taskId: handle.id,
      taskName: 'say',
      label: 'L',
      queue: 'q',
      priority: 2,
      source: 'api',
      slot: null,
      parentId: null,
      rootId: handle.id,
      attempt: 0,
      maxAttempts: 3,
      recoveries: 0,
      retryOf: null,
      tags: { a: '1' },
      headers: { h: '1' },
      aborted: false,
      traceContext: { traceparent: '00' },
      requestContext: {},
    })
  })

  it('attempt counts earlier starts; a retry by hand begins at 0, with retryOf', async () => {
    const seen: unknown[] = []
    const task = defineTask({
      name: 't',
      retries: 1,
      backoff: { delay: 0 },
      run: (_none: undefined, { attempt, retryOf, source }) => {
        seen.push([attempt, retryOf, source])
        throw new Error('boom')
      },
    })
    const { executor } = recorded({ tasks: [task] })
    const first = await executor.enqueue(task)
    await first.result().catch(() => {})
    const second = await executor.retry(first.id)
    await second.result().catch(() => {})
    expect(seen).toEqual([
      [0, undefined, 'api'],
      [1, undefined, 'api'],
      [0, first.id, 'retry'],
      [1, first.id, 'retry'],
    ])
  })

  it.each(stores.filter(({ name }) => name !== 'memory'))(
    'on $name a recovered attempt is counted, and truthfully called a recovery',
    async ({ create }) => {
      const open = create()
      const task = defineTask({
        name: 't',
        retries: 1,
        run: async (_none: undefined, { attempt, recoveries, maxAttempts, signal }) => {
          if (attempt > 0) return { attempt, recoveries, maxAttempts }
          return new Promise<never>((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          )
        },
      })
      const { executor: before } = joined({ backend: open(), tasks: [task] })
      const { id } = await before.enqueue(task)
      await before.close({ grace: 0 })
      const { executor: after } = joined({ backend: open(), tasks: [task] })
      await after.start()
      await after.drain()
      expect(await after.get(id)).toMatchObject({
        status: 'succeeded',
        result: { attempt: 1, recoveries: 1, maxAttempts: 3 },
        attempt: 1,
        retriesUsed: 0,
        recoveries: 1,
        logs: ['--- Recovery 1 ---'],
      })
    },
  )

  it('is the enqueuer’s of nobody: a task does not inherit the context of the request that enqueued it', async () => {
    const inner = defineTask({
      name: 'inner',
      run: (_none: undefined, { taskId }) => [taskId, getTaskContext()?.taskId],
    })
    const outer = defineTask({
      name: 'outer',
      run: async (_none: undefined, { enqueue }) => {
        const handle = await enqueue(inner)
        return [await handle.result(), handle.id] as const
      },
    })
    const { executor } = recorded({ tasks: [inner, outer], concurrency: 2 })
    const [ids, innerId] = await (await executor.enqueue(outer)).result()
    expect(ids).toEqual([innerId, innerId])
  })
})

describe('a direct call', () => {
  const shout = defineTask({
    name: 'shout',
    run: (text: string, context) => ({
      text: `${text}!`,
      of: context.taskId,
      here: getTaskContext()?.taskId,
    }),
  })

  it('outside a task is a plain call: no record, no context', async () => {
    const { executor } = recorded({ tasks: [shout] })
    expect(shout.run('hey')).toEqual({ text: 'hey!', of: '', here: undefined })
    expect((await executor.list()).records).toEqual([])
  })

  it('outside a task can log, and says why it cannot enqueue', async () => {
    const detached = defineTask({
      name: 'detached',
      run: async (_none: undefined, { enqueue, progress, signal, log }) => {
        progress(1, 2)
        log.debug('fine')
        expect(signal.aborted).toBe(false)
        await enqueue(shout, 'x')
      },
    })
    await expect(detached.run(undefined)).rejects.toThrow(
      'task "detached" was called directly, outside an executor: enqueue children with executor.enqueue',
    )
  })

  it('inside a task keeps the caller’s context, also when tasks nest, and afterwards too', async () => {
    const middle = defineTask({
      name: 'middle',
      run: async (text: string) => [await shout.run(text), getTaskContext()?.taskName],
    })
    const outer = defineTask({
      name: 'outer',
      run: async () => [await middle.run('hey'), getTaskContext()?.taskName],
    })
    const { executor, types } = recorded({ tasks: [outer] })
    const handle = await executor.enqueue(outer)
    expect(await handle.result()).toEqual([
      [{ text: 'hey!', of: handle.id, here: handle.id }, 'outer'],
      'outer',
    ])
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
  })

  it('takes a context that is handed to it', async () => {
    const release = gate()
    const outer = defineTask({
      name: 'outer',
      run: async (_none: undefined, context) => {
        await release.promise
        return shout.run('hey', context)
      },
    })
    const { executor } = recorded({ tasks: [outer] })
    const handle = await executor.enqueue(outer)
    release.open()
    expect(await handle.result()).toMatchObject({ of: handle.id })
  })

  it('of a task that fails throws what the body throws', () => {
    const failing = defineTask({
      name: 'failing',
      run: (): number => {
        throw new RangeError('plain')
      },
    })
    expect(() => failing.run(undefined)).toThrow(RangeError)
  })
})
