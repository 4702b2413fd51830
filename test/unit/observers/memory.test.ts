import { getEventListeners } from 'node:events'
import { describe, expect, expectTypeOf, it } from 'vitest'
import type {
  LogEvent,
  PlainsightEvent,
  QueuePaused,
  TaskFailed,
} from '../../../src/events/event.ts'
import { memoryObserver, type MemoryObserverOptions } from '../../../src/observers/memory.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

const events = sampleEvents()
const log = events.find((event) => event.type === 'task.log') as LogEvent
const numbered = (seq: number): PlainsightEvent => ({ ...log, seq })

describe('memoryObserver', () => {
  it('keeps events in order, and answers with copies', () => {
    const memory = memoryObserver()
    for (const event of events) memory.onEvent(event)
    expect(memory.events).toEqual(events)
    expect(memory.events[0]).toBe(events[0])
    expect(memory.events).not.toBe(memory.events)
    expect(memory.ofType('task.log')).toEqual([log])
    expectTypeOf(memory.ofType('task.log')).toEqualTypeOf<readonly LogEvent[]>()
  })

  it('keeps the last max events, and counts what they pushed out', () => {
    const memory = memoryObserver({ max: 3 })
    for (let seq = 1; seq <= 8; seq++) memory.onEvent(numbered(seq))
    expect(memory.events.map((event) => event.seq)).toEqual([6, 7, 8])
    expect(memory.dropped).toBe(5)
    expect(memory.counts()).toEqual({ delivered: 3, dropped: 5, failed: 0, queued: 0 })
    memory.clear()
    expect(memory.events).toEqual([])
    for (let seq = 9; seq <= 10; seq++) memory.onEvent(numbered(seq))
    expect(memory.events.map((event) => event.seq)).toEqual([9, 10])
    expect(memory.counts()).toEqual({ delivered: 5, dropped: 5, failed: 0, queued: 0 })
  })

  it('asks for everything from debug up unless told otherwise', () => {
    expect(memoryObserver()).toMatchObject({ name: 'memory', minLevel: 'debug' })
  })

  it.each([
    [{ max: 0.5 }, 'max'],
    [{ max: Infinity }, 'max'],
    [{ name: '' }, 'name'],
    [{ size: 3 }, 'size'],
  ])('refuses %o', (options, option) => {
    expect(() => memoryObserver(options as MemoryObserverOptions)).toThrow(
      `memoryObserver: option "${option}" must be `,
    )
  })
})

describe('waitFor', () => {
  it('finds what has come already, the oldest first', async () => {
    const memory = memoryObserver()
    for (const seq of [1, 2]) memory.onEvent(numbered(seq))
    expect((await memory.waitFor('task.log')).seq).toBe(1)
  })

  it('waits by type, by fields and by predicate', async () => {
    const memory = memoryObserver()
    const found = Promise.all([
      memory.waitFor('task.failed'),
      memory.waitFor({ type: 'task.log', taskId: log.taskId, message: log.message }),
      memory.waitFor((event) => event.type === 'queue.paused'),
      memory.waitFor((event): event is TaskFailed => event.type === 'task.failed'),
    ])
    for (const event of events) memory.onEvent(event)
    expect((await found).map((event) => event.type)).toEqual([
      'task.failed',
      'task.log',
      'queue.paused',
      'task.failed',
    ])
    expectTypeOf((await found)[0]).toEqualTypeOf<TaskFailed>()
    expectTypeOf((await found)[1]).toEqualTypeOf<LogEvent>()
    expectTypeOf((await found)[2]).toEqualTypeOf<QueuePaused>()
    expectTypeOf((await found)[3]).toEqualTypeOf<TaskFailed>()
  })

  it('says at the end of its time what came instead', async () => {
    const memory = memoryObserver()
    await expect(memory.waitFor('task.failed', { timeout: 5 })).rejects.toThrow(
      'waited 5 ms for "task.failed"; no event was seen',
    )
    for (const event of events.slice(0, 5)) memory.onEvent(event)
    await expect(
      memory.waitFor({ type: 'task.failed', taskId: 't1' }, { timeout: 5 }),
    ).rejects.toMatchObject({
      name: 'WaitTimeoutError',
      code: 'WAIT_TIMEOUT',
      timeoutMs: 5,
      message:
        'waited 5 ms for {"type":"task.failed","taskId":"t1"}; 5 events are kept, the last of them: ' +
        'task.enqueued, task.scheduled, task.deduplicated, attempt.started, task.log',
    })
  })

  it('ends with the reason of its signal, and leaves no listener on it', async () => {
    const memory = memoryObserver()
    const { signal, abort } = abortable()
    const waits = [
      memory.waitFor('task.failed', { signal }),
      memory.waitFor('task.log', { signal }),
    ]
    memory.onEvent(log)
    await waits[1]
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    abort(new Error('enough'))
    await expect(waits[0]).rejects.toThrow('enough')
    await expect(memory.waitFor('task.log', { signal })).rejects.toThrow('enough')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('rejects with what the predicate throws, and no one else notices', async () => {
    const memory = memoryObserver()
    const wait = memory.waitFor(() => {
      throw new Error('bad predicate')
    })
    const other = memory.waitFor('task.log')
    expect(() => memory.onEvent(log)).not.toThrow()
    await expect(wait).rejects.toThrow('bad predicate')
    await other
  })

  it('refuses a timeout that is no duration', async () => {
    await expect(memoryObserver().waitFor('task.log', { timeout: -1 })).rejects.toMatchObject({
      option: 'timeout',
    })
  })
})

function abortable(): { signal: AbortSignal; abort: (reason: Error) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}
