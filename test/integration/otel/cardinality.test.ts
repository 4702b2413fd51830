import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask, type Task } from '../../../src/index.ts'
import { otelObserver } from '../../../src/otel.ts'
import { memorySdk, registerContext } from '../../support/otel-sdk.ts'

registerContext()

describe('6 metrics', () => {
  it('10,000 tasks with ids and tags of their own make as many series as there are tasks × queues × error types', async () => {
    const run = (index: number): void => {
      if (index % 3 === 0) throw new TypeError('x')
      if (index % 3 === 1) throw Object.assign(new Error('x'), { name: `Error of ${index}` })
    }
    const tasks = ['a', 'b'].map((name) => defineTask({ name, run }))
    const sdk = memorySdk()
    const observers = [otelObserver({ ...sdk.providers, minLevel: 'error' })]
    const executor = createExecutor({ tasks, observers, concurrency: 100 })
    const handles = await executor.enqueueMany(
      Array.from({ length: 10_000 }, (_item, index) => ({
        task: tasks[index % 2] as Task,
        input: index,
        options: { tags: { order: String(index) }, queue: index % 4 < 2 ? 'x' : 'y' },
      })),
    )
    expect(handles).toHaveLength(10_000)
    await executor.drain()
    await executor.close()
    const points = await sdk.points()
    const series = (name: string): number => points.filter((each) => each.name === name).length
    // Two tasks, two queues; a TypeError, another error, or none.
    expect(series('messaging.process.duration')).toBe(12)
    expect(series('plainsight.task.duration')).toBe(12)
    expect(series('messaging.client.sent.messages')).toBe(4)
    const all = points.flatMap((each) => Object.entries(each.attributes))
    expect(all.filter(([key]) => key.includes('tag') || key.includes('id'))).toEqual([])
  })
})
