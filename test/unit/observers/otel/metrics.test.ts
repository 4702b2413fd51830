import { metrics } from '@opentelemetry/api'
import { afterEach, describe, expect, it } from 'vitest'
import { createExecutor, defineTask, type Executor, type Task } from '../../../../src/index.ts'
import { memoryBackend } from '../../../../src/backends/memory.ts'
import { otelObserver, type OtelObserverOptions } from '../../../../src/otel.ts'
import { waitFor } from '../../../../src/testing/wait-for.ts'
import {
  memorySdk,
  registerContext,
  type MemorySdk,
  type SeenPoint,
} from '../../../support/otel-sdk.ts'

registerContext()
afterEach(() => metrics.disable())

function start(
  tasks: readonly Task[],
  options: OtelObserverOptions = {},
): { executor: Executor; sdk: MemorySdk } {
  const sdk = memorySdk()
  const observers = [otelObserver({ ...sdk.providers, ...options })]
  return { executor: createExecutor({ tasks, observers, concurrency: 100 }), sdk }
}

const summary = ({ name, unit, attributes, value }: SeenPoint): unknown => [
  name,
  unit,
  attributes,
  typeof value === 'object' ? (value as { count: number }).count : value,
]

const COMMON = {
  'messaging.system': 'plainsight',
  'messaging.destination.name': 'default',
  'plainsight.task.name': 'job',
}
const SEND = {
  ...COMMON,
  'messaging.operation.name': 'enqueue',
  'messaging.operation.type': 'send',
}
const RUN = {
  ...COMMON,
  'messaging.operation.name': 'process',
  'messaging.operation.type': 'process',
}

describe('6 metrics', () => {
  it('have exactly these names, units and attributes', async () => {
    let runs = 0
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: { delay: 1 },
      run() {
        if (runs++ === 0) throw new TypeError('once')
      },
    })
    const { executor, sdk } = start([task])
    await (await executor.enqueue(task, undefined, { tags: { plan: 'pro' } })).result()
    await executor.close()
    const system = { 'messaging.system': 'plainsight' }
    const state = (name: string): object => ({ ...system, 'plainsight.task.state': name })
    expect((await sdk.points()).map(summary)).toEqual(
      expect.arrayContaining([
        ['messaging.client.sent.messages', '{message}', SEND, 1],
        ['messaging.client.operation.duration', 's', SEND, 1],
        ['messaging.client.consumed.messages', '{message}', RUN, 2],
        ['messaging.process.duration', 's', { ...RUN, 'error.type': 'TypeError' }, 1],
        ['messaging.process.duration', 's', RUN, 1],
        ['plainsight.task.wait.duration', 's', RUN, 2],
        ['plainsight.task.duration', 's', { ...RUN, 'plainsight.task.outcome': 'succeeded' }, 1],
        ['plainsight.task.retries', '{retry}', RUN, 1],
        ['plainsight.task.active', '{task}', state('queued'), 0],
        ['plainsight.task.active', '{task}', state('scheduled'), 0],
        ['plainsight.task.active', '{task}', state('running'), 0],
        ['plainsight.task.active', '{task}', state('retrying'), 0],
        ['plainsight.worker.usage', '{slot}', system, 0],
      ]) as unknown,
    )
  })

  it('durations are in seconds', async () => {
    const task = defineTask({
      name: 'job',
      run: () => new Promise<void>((resolve) => void setTimeout(resolve, 30)),
    })
    const { executor, sdk } = start([task])
    await (await executor.enqueue(task)).result()
    await executor.close()
    const points = await sdk.points()
    for (const name of ['messaging.process.duration', 'plainsight.task.duration']) {
      const value = points.find((each) => each.name === name)?.value as { sum: number } | undefined
      expect(value?.sum).toBeGreaterThan(0.02)
      expect(value?.sum).toBeLessThan(2)
    }
  })

  it('an error class per task cannot make a series per task', async () => {
    const task = defineTask({
      name: 'job',
      run(index: number) {
        throw Object.assign(new Error('x'), { name: `Order${index}Error` })
      },
    })
    const { executor, sdk } = start([task], { minLevel: 'error' })
    await executor.enqueueMany(Array.from({ length: 500 }, (_item, input) => ({ task, input })))
    await executor.drain()
    await executor.close()
    const points = (await sdk.points()).filter((each) => each.name === 'messaging.process.duration')
    expect(points).toHaveLength(101)
    expect(points.some((each) => each.attributes['error.type'] === '_OTHER')).toBe(true)
  })

  it('metricTags are attributes of metrics, and no other tag is', async () => {
    const task = defineTask({ name: 'job', tags: { plan: 'pro', user: 'u1' }, run: () => 1 })
    const { executor, sdk } = start([task], { metricTags: ['plan', 'region'] })
    await (await executor.enqueue(task)).result()
    await executor.close()
    const point = (await sdk.points()).find((each) => each.name === 'messaging.process.duration')
    expect(point?.attributes).toEqual({ ...RUN, 'plainsight.task.tag.plan': 'pro' })
  })

  it('an observer that was made, and has run tasks, before the SDK came reports from then on', async () => {
    const task = defineTask({ name: 'job', run: () => 1 })
    const executor = createExecutor({ tasks: [task], observers: [otelObserver()] })
    await (await executor.enqueue(task)).result()
    const sdk = memorySdk()
    metrics.setGlobalMeterProvider(sdk.meterProvider)
    await (await executor.enqueue(task)).result()
    const points = await sdk.points()
    const value = (name: string): unknown => points.find((each) => each.name === name)?.value
    expect(value('messaging.client.sent.messages')).toBe(1)
    expect(value('plainsight.worker.limit')).toBe(10)
    await executor.close()
  })

  it('plainsight.task.active follows what the executors have in memory, is 0 at the end, and right after a restart', async () => {
    const sdk = memorySdk()
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const task = defineTask({ name: 'job', run: () => released })
    const failing = defineTask({
      name: 'failing',
      retries: 1,
      backoff: { delay: '1h', jitter: 'none' },
      run() {
        throw new Error('x')
      },
    })
    const active = async (): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        (await sdk.points())
          .filter((each) => each.name === 'plainsight.task.active')
          .map((each) => [each.attributes['plainsight.task.state'], each.value]),
      )
    const backend = memoryBackend()
    const make = (): Executor =>
      createExecutor({
        tasks: [task, failing],
        backend,
        concurrency: 2,
        observers: [otelObserver(sdk.providers)],
      })
    const executor = make()
    const handles = []
    for (let index = 0; index < 5; index++) handles.push(await executor.enqueue(task))
    await executor.enqueue(task, undefined, { delay: '1h' })
    await waitFor(() => executor.stats().running === 2)
    expect(await active()).toEqual({ running: 2, queued: 3, scheduled: 1, retrying: 0 })
    release()
    for (const handle of handles) await handle.result()
    await executor.enqueue(failing)
    await waitFor(() => executor.stats().retrying === 1)
    expect(await active()).toEqual({ running: 0, queued: 0, scheduled: 1, retrying: 1 })
    await executor.close()
    expect(await active()).toEqual({ running: 0, queued: 0, scheduled: 0, retrying: 0 })
    const next = make()
    await next.enqueue(task, undefined, { delay: '1h' })
    expect(await active()).toMatchObject({ running: 0, queued: 0, scheduled: 1 })
    await next.close()
    expect(await active()).toEqual({ running: 0, queued: 0, scheduled: 0, retrying: 0 })
  })

  it('two executors, each with an observer of its own, are added up', async () => {
    const sdk = memorySdk()
    const task = defineTask({ name: 'job', run: () => 1 })
    const executors = [1, 2].map(() =>
      createExecutor({ tasks: [task], observers: [otelObserver(sdk.providers)] }),
    )
    for (const executor of executors) await executor.enqueue(task, undefined, { delay: '1h' })
    const points = await sdk.points()
    const scheduled = points.find(
      (each) => each.attributes['plainsight.task.state'] === 'scheduled',
    )
    expect(scheduled?.value).toBe(2)
    expect(points.find((each) => each.name === 'plainsight.worker.limit')?.value).toBe(20)
    for (const executor of executors) await executor.close()
  })

  it('an executor that only enqueues, or is closed, has no slots', async () => {
    const sdk = memorySdk()
    const observers = [otelObserver(sdk.providers)]
    const limit = async (): Promise<unknown> =>
      (await sdk.points()).find((each) => each.name === 'plainsight.worker.limit')?.value
    const executors = [10, 3].map((concurrency) => {
      return createExecutor({ tasks: [], observers, concurrency })
    })
    const web = createExecutor({ tasks: [], observers, work: false })
    for (const each of [...executors, web]) await each.start()
    expect(await limit()).toBe(13)
    await executors[0]?.close()
    expect(await limit()).toBe(3)
    for (const each of [...executors, web]) await each.close()
    expect(await limit()).toBe(0)
  })
})
