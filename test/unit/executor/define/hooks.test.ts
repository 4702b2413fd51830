import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import type { HookTask, TaskHooks } from '../../../../src/task/hooks.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../../src/testing/wait-for.ts'
import { gate, recorded } from '../../../support/recorded.ts'

function noted(): {
  hooks: TaskHooks
  calls: [string, HookTask, unknown][]
  names: () => string[]
} {
  const calls: [string, HookTask, unknown][] = []
  const note = (name: string) => (task: HookTask, error?: unknown) =>
    void calls.push([name, task, error])
  const hooks = Object.fromEntries(
    ['onStart', 'onRetry', 'onSuccess', 'onError', 'onFinal'].map((name) => [name, note(name)]),
  )
  return { hooks, calls, names: () => calls.map(([name, task]) => `${name} ${task.attempt}`) }
}

describe('hooks', () => {
  it('are called at each turning point, with the task and the original error', async () => {
    const { hooks, calls, names } = noted()
    const errors = [new Error('one'), new Error('two')]
    const task = defineTask({
      ...hooks,
      name: 't',
      retries: 1,
      backoff: { delay: 0 },
      label: 'Label',
      tags: { plan: 'pro' },
      run: (_input: { n: number }, { attempt }) => {
        throw errors[attempt] as Error
      },
    })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task, { n: 1 })
    await expect(handle.result()).rejects.toThrow()
    expect(names()).toEqual(['onStart 0', 'onRetry 0', 'onStart 1', 'onError 1', 'onFinal 1'])
    expect(calls.map(([, , error]) => error)).toEqual([
      undefined,
      errors[0],
      undefined,
      errors[1],
      undefined,
    ])
    expect(calls[0]?.[1]).toMatchObject({
      id: handle.id,
      name: 't',
      label: 'Label',
      tags: { plan: 'pro' },
      input: { n: 1 },
    })
    expect(() => calls[0]?.[1].run({ n: 2 })).toThrow('one')
  })

  it('are called after the record says so', async () => {
    const seen: unknown[] = []
    const task = defineTask({
      name: 't',
      run: () => 'done',
      onSuccess: async ({ id }) => void seen.push((await executor.get(id))?.status),
    })
    const { executor } = recorded({ tasks: [task] })
    await (await executor.enqueue(task)).result()
    await waitFor(() => seen.length === 1)
    expect(seen).toEqual(['succeeded'])
  })

  it('onError is called once for a timeout', async () => {
    const { hooks, calls, names } = noted()
    const task = defineTask({
      ...hooks,
      name: 't',
      timeout: 5,
      abandonAfter: 0,
      run: () => new Promise(() => {}),
    })
    const { executor } = recorded({ tasks: [task] })
    await expect((await executor.enqueue(task)).result()).rejects.toThrow()
    expect(names()).toEqual(['onStart 0', 'onError 0', 'onFinal 0'])
    expect(calls[1]?.[2]).toMatchObject({ code: 'TASK_TIMEOUT' })
  })

  it('onFinal is called once for a task that ends without starting, with its input', async () => {
    const { hooks, calls, names } = noted()
    const task = defineTask({ ...hooks, name: 't', run: (_input: { n: number }) => 1 })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task, { n: 7 }, { delay: '1h' })
    await handle.cancel()
    expect(names()).toEqual(['onFinal 0'])
    expect(calls[0]?.[1].input).toEqual({ n: 7 })
  })

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('hook')
      },
    ],
    ['rejects', () => Promise.reject(new Error('hook'))],
    [
      'answers a thenable that throws',
      () => ({
        then: () => {
          throw new Error('hook')
        },
      }),
    ],
    [
      'answers a thenable whose getter throws',
      () => ({
        get then(): never {
          throw new Error('hook')
        },
      }),
    ],
  ])('one that %s changes nothing, and is told of as hook.error', async (_what, bad) => {
    const called: string[] = []
    const task = defineTask({
      name: 't',
      run: () => 'done',
      onStart: bad,
      onSuccess: [bad, () => called.push('next')],
      onFinal: bad,
    })
    const { executor, types, only } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toBe('done')
    await waitFor(() => only('hook.error').length === 3)
    expect(only('hook.error').map((event) => event.hook)).toEqual([
      'onStart',
      'onSuccess',
      'onFinal',
    ])
    expect(only('hook.error')[0]).toMatchObject({
      level: 'warning',
      error: { message: 'hook' },
      taskId: handle.id,
    })
    expect(called).toEqual(['next'])
    expect(types(handle.id).filter((type) => type !== 'hook.error')).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.succeeded',
    ])
  })

  it('one that hangs holds up nothing, and is told of after 30 s', async () => {
    const clock = manualClock()
    const hang = (): Promise<never> => new Promise(() => {})
    const task = defineTask({ name: 't', run: () => 'done', onStart: hang, onSuccess: hang })
    const { executor, only } = recorded({ tasks: [task], clock })
    expect(await (await executor.enqueue(task)).result()).toBe('done')
    await clock.advance(29_999)
    expect(only('hook.error')).toEqual([])
    await clock.advance(1)
    expect(only('hook.error').map((event) => event.error.message)).toEqual([
      'hook onStart was still pending after 30000 ms',
      'hook onSuccess was still pending after 30000 ms',
    ])
  })
})

describe('shield', () => {
  it('lets a task and its hooks run on past the grace of close, others are told to stop', async () => {
    const done: string[] = []
    const work = gate()
    const run =
      (name: string) =>
      async (_none: undefined, { signal }: { signal: AbortSignal }) => {
        await Promise.race([
          work.promise,
          new Promise((resolve) => signal.addEventListener('abort', resolve)),
        ])
        done.push(`${name} ${signal.aborted}`)
      }
    const shielded = defineTask({
      name: 'shielded',
      shield: true,
      run: run('shielded'),
      onFinal: async () => void done.push('hook'),
    })
    const plain = defineTask({ name: 'plain', run: run('plain') })
    const { executor, types } = recorded({ tasks: [shielded, plain], shieldGrace: '5s' })
    const one = await executor.enqueue(shielded)
    const two = await executor.enqueue(plain)
    await Promise.all([one.started, two.started])
    const closed = executor.close({ grace: 0 })
    await waitFor(() => done.length === 1)
    expect(done).toEqual(['plain true'])
    work.open()
    await closed
    expect(done).toEqual(['plain true', 'shielded false', 'hook'])
    expect(types(one.id).at(-1)).toBe('task.succeeded')
  })

  it('is not for ever: it ends with shieldGrace', async () => {
    const clock = manualClock()
    const task = defineTask({ name: 't', shield: true, run: () => new Promise(() => {}) })
    const { executor, types } = recorded({ tasks: [task], clock, shieldGrace: '20s' })
    const handle = await executor.enqueue(task)
    const closed = executor.close({ grace: 0 })
    await clock.advance(19_999)
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started'])
    await clock.advance(3_000)
    await closed
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.interrupted'])
  })

  it('starts what was accepted and waits, where the store would forget it', async () => {
    const ran: number[] = []
    const first = gate()
    const task = defineTask({
      name: 't',
      shield: true,
      run: async (n: number) => {
        if (n === 0) await first.promise
        ran.push(n)
      },
    })
    const { executor } = recorded({ tasks: [task], concurrency: 1 })
    await executor.enqueue(task, 0)
    await executor.enqueue(task, 1)
    await executor.enqueue(task, 2, { delay: '1h' })
    const closed = executor.close({ grace: 0 })
    first.open()
    await closed
    expect(ran).toEqual([0, 1, 2])
  })
})
