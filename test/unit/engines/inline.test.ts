import { describe, expect, test } from 'vitest'
import { defineTask } from '../../../src/index.ts'
import { inlineEngine, manualClock } from '../../../src/testing.ts'
import { recorded } from '../../support/recorded.ts'

describe('inlineEngine', () => {
  test('has run the task when enqueue answers, through the same JSON round trip', async () => {
    let seen: unknown
    const task = defineTask({
      name: 'task',
      run(input: { list: number[] }) {
        seen = input
        return { at: new Date(0), ...input }
      },
    })
    const { executor, types } = recorded(
      { tasks: [task], engine: inlineEngine() },
      { complete: true },
    )
    const input = { list: [1] }
    const handle = await executor.enqueue(task, input)
    expect(seen).toEqual(input)
    expect(seen).not.toBe(input)
    expect((await handle.record())?.status).toBe('succeeded')
    expect(await handle.result()).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [1] })
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
  })

  test('answers after a failure too, and leaves a retry to its time', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 'task',
      retries: 1,
      backoff: { delay: '1m', jitter: 'none' },
      run(_input: unknown, { attempt }) {
        if (attempt === 0) throw new Error('first')
        return attempt
      },
    })
    const { executor } = recorded({ tasks: [task], engine: inlineEngine(), clock })
    const enqueued = executor.enqueue(task)
    await clock.settle()
    const handle = await enqueued
    expect((await handle.record())?.status).toBe('retrying')
    await clock.advance(60_000)
    expect(await handle.result()).toBe(1)
  })

  test('nests: a task may enqueue a task and have its result', async () => {
    const leaf = defineTask({ name: 'leaf', run: (input: number) => input + 1 })
    const tree = defineTask({
      name: 'tree',
      async run(input: number, context): Promise<number> {
        return (await context.enqueue(leaf, input)).result()
      },
    })
    const { executor } = recorded(
      { tasks: [leaf, tree], engine: inlineEngine() },
      { complete: true },
    )
    expect(await (await executor.enqueue(tree, 1)).result()).toBe(2)
  })
})
