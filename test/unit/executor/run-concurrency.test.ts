import { describe, expect, test } from 'vitest'
import { defineTask } from '../../../src/index.ts'
import { InvalidOptionsError } from '../../../src/task/errors.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { gate, recorded } from '../../support/recorded.ts'

/** A task that runs until it is let go, and knows how many of it run. */
function counted(name: string, concurrency?: number) {
  const gates = new Map<number, ReturnType<typeof gate<number>>>()
  const seen = { now: 0, most: 0, order: [] as number[] }
  const task = defineTask({
    name,
    ...(concurrency === undefined ? undefined : { concurrency }),
    async run(input: number) {
      seen.now += 1
      seen.most = Math.max(seen.most, seen.now)
      seen.order.push(input)
      const own = gate<number>()
      gates.set(input, own)
      const answer = await own.promise
      seen.now -= 1
      return answer
    },
  })
  return { task, seen, gates, letGo: (input: number) => gates.get(input)?.open(input) }
}

describe('concurrency', () => {
  test('limits the running attempts of the executor; the others are pending, in the store too', async () => {
    const { task, seen, letGo, gates } = counted('slow')
    const { executor, only } = recorded({ tasks: [task], concurrency: 2 })
    const handles = []
    for (let input = 0; input < 5; input++) handles.push(await executor.enqueue(task, input))
    await waitFor(() => gates.size === 2)

    const statuses = await Promise.all(handles.map(async (each) => (await each.record())?.status))
    expect(statuses).toEqual(['running', 'running', 'pending', 'pending', 'pending'])
    expect(executor.stats()).toMatchObject({ running: 2, queued: 3, waiting: 0 })
    expect(await executor.counts()).toMatchObject({ running: 2, pending: 3 })
    expect(only('attempt.started')).toHaveLength(2)

    for (let input = 0; input < 5; input++) {
      await waitFor(() => gates.has(input))
      letGo(input)
    }
    expect(await Promise.all(handles.map((each) => each.result()))).toEqual([0, 1, 2, 3, 4])
    expect(seen.most).toBe(2)
    expect(executor.stats()).toMatchObject({ running: 0, queued: 0, waiting: 0 })
  })

  test('of one task holds back that task alone', async () => {
    const limited = counted('limited', 1)
    const free = counted('free')
    const { executor } = recorded({ tasks: [limited.task, free.task], concurrency: 3 })
    const first = await executor.enqueue(limited.task, 1)
    const second = await executor.enqueue(limited.task, 2)
    const third = await executor.enqueue(limited.task, 3)
    const other = await executor.enqueue(free.task, 9)
    await waitFor(() => free.gates.has(9) && limited.gates.has(1))

    expect((await second.record())?.status).toBe('pending')
    expect((await third.record())?.status).toBe('pending')
    expect(executor.stats()).toMatchObject({ running: 2, queued: 2 })

    for (const input of [1, 2, 3]) {
      await waitFor(() => limited.gates.has(input))
      limited.letGo(input)
    }
    free.letGo(9)
    await Promise.all([first, second, third, other].map((each) => each.result()))
    expect(limited.seen).toMatchObject({ most: 1, order: [1, 2, 3] })
  })

  test('of one task counts its runs, whatever way they began', async () => {
    const limited = counted('limited', 2)
    const { executor } = recorded({ tasks: [limited.task], concurrency: 10 })
    await executor.enqueueMany([1, 2, 3].map((input) => ({ task: limited.task, input })))
    await executor.enqueue(limited.task, 4, { delay: 5 })
    await executor.enqueue(limited.task, 5)
    for (const input of [1, 2, 3, 5, 4]) {
      await waitFor(() => limited.gates.has(input))
      limited.letGo(input)
    }
    await executor.drain()
    expect(limited.seen.most).toBe(2)
  })

  test('changes while running, up and down', async () => {
    const { task, seen, gates, letGo } = counted('slow')
    const { executor } = recorded({ tasks: [task], concurrency: 1 })
    for (let input = 0; input < 8; input++) await executor.enqueue(task, input)
    await waitFor(() => gates.size === 1)

    executor.setConcurrency(3)
    await waitFor(() => gates.size === 3)
    expect(executor.stats()).toMatchObject({ concurrency: 3, running: 3, queued: 5 })

    executor.setConcurrency(1)
    letGo(0)
    letGo(1)
    await waitFor(() => seen.now === 1)
    await executor.get('none')
    expect(seen.now).toBe(1)
    expect(gates.size).toBe(3)
    for (let input = 2; input < 8; input++) {
      await waitFor(() => gates.has(input))
      expect(seen.now).toBe(1)
      letGo(input)
    }
    await executor.drain()
  })

  test('of Infinity starts everything', async () => {
    const { task, gates, letGo } = counted('slow')
    const { executor } = recorded({ tasks: [task], concurrency: Infinity })
    for (let input = 0; input < 200; input++) await executor.enqueue(task, input)
    await waitFor(() => gates.size === 200)
    for (let input = 0; input < 200; input++) letGo(input)
    await executor.drain()
  })

  test.each([0, -1, 1.5, Number.NaN, '3'])('of %s is refused', (concurrency) => {
    const { executor } = recorded()
    const set = executor.setConcurrency as (concurrency: unknown) => void
    expect(() => set(concurrency)).toThrow(InvalidOptionsError)
    expect(executor.stats().concurrency).toBe(10)
  })

  test('a body that fails, throws at once or is cancelled gives its slot back', async () => {
    const fail = defineTask({ name: 'fail', run: () => Promise.reject(new Error('no')) })
    const shout = defineTask({
      name: 'shout',
      run(): string {
        throw new Error('no')
      },
    })
    const hold = counted('hold')
    const { executor } = recorded({ tasks: [fail, shout, hold.task], concurrency: 1 })
    for (let round = 0; round < 20; round++) {
      await executor.enqueue(fail)
      await executor.enqueue(shout)
    }
    const last = await executor.enqueue(hold.task, 7)
    await waitFor(() => hold.gates.has(7))
    expect(executor.stats()).toMatchObject({ running: 1, queued: 0 })
    await last.cancel()
    hold.gates.get(7)?.fail(new Error('stopped'))
    await executor.drain()
    expect(executor.stats().running).toBe(0)
  })
})

describe('order', () => {
  test('is by priority downwards, then by insertion', async () => {
    const { task, seen, gates, letGo } = counted('ordered')
    const { executor } = recorded({ tasks: [task], concurrency: 1 })
    await executor.enqueue(task, 0)
    await waitFor(() => gates.has(0))
    const priorities = [0, 5, -5, 5, 0, 1_000_000, -1_000_000, 0]
    for (const [index, priority] of priorities.entries())
      await executor.enqueue(task, index + 1, { priority })
    const expected = [6, 2, 4, 1, 5, 8, 3, 7]
    letGo(0)
    for (const input of expected) {
      await waitFor(() => gates.has(input))
      letGo(input)
    }
    await executor.drain()
    expect(seen.order).toEqual([0, ...expected])
  })

  test('holds among ten thousand of mixed priority', async () => {
    const order: number[] = []
    const task = defineTask({ name: 'note', run: (input: number) => void order.push(input) })
    const { executor } = recorded({ tasks: [task], concurrency: 1, maxQueued: Infinity })
    await executor.start()
    executor.pause()
    const priorityOf = (input: number): number => (input * 7919) % 11
    const inputs = Array.from({ length: 10_000 }, (_, index) => index)
    await executor.enqueueMany(
      inputs.map((input) => ({ task, input, options: { priority: priorityOf(input) } })),
    )
    executor.resume()
    await executor.drain()
    expect(order).toEqual(inputs.toSorted((a, b) => priorityOf(b) - priorityOf(a) || a - b))
  })

  test('puts what comes due where its priority says', async () => {
    const { task, seen, gates, letGo } = counted('ordered')
    const clock = manualClock()
    const { executor } = recorded({ tasks: [task], concurrency: 1, clock })
    await executor.enqueue(task, 0)
    await waitFor(() => gates.has(0))
    await executor.enqueue(task, 1)
    await executor.enqueue(task, 2, { delay: 1, priority: 9 })
    expect(executor.stats()).toMatchObject({ queued: 1, scheduled: 1 })
    await clock.advance(1)
    expect(executor.stats()).toMatchObject({ queued: 2, scheduled: 0 })
    letGo(0)
    await waitFor(() => gates.has(2))
    letGo(2)
    await waitFor(() => gates.has(1))
    letGo(1)
    await executor.drain()
    expect(seen.order).toEqual([0, 2, 1])
  })

  test.each([1_000_001, -1_000_001, 0.5, Number.NaN, '1'])(
    'refuses the priority %s',
    async (priority) => {
      const { task } = counted('ordered')
      const { executor } = recorded({ tasks: [task] })
      await expect(executor.enqueue(task, 1, { priority: priority as number })).rejects.toThrow(
        /priority/,
      )
      expect(await executor.list()).toMatchObject({ records: [] })
    },
  )
})
