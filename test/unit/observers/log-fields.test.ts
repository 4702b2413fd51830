import { describe, expect, it } from 'vitest'
import type { LogEvent, PlainsightEvent } from '../../../src/events/event.ts'
import { logFields } from '../../../src/observers/log-fields.ts'
import { serializeError } from '../../../src/task/serialized-error.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('logFields', () => {
  it('has every field of every event, but those with another name or place', () => {
    for (const event of sampleEvents()) {
      const moved = [
        'level',
        'time',
        'message',
        'error',
        'resultError',
        ...(event.type === 'executor.unknown_task' ? ['name'] : []),
      ]
      const kept = Object.entries(event).filter(([key]) => !moved.includes(key))
      expect(json(logFields(event))).toMatchObject(json(Object.fromEntries(kept)) as object)
      for (const key of ['level', 'time', 'message', 'error', 'name'])
        expect(logFields(event)[key]).toBeUndefined()
    }
  })

  it('has every field that a line can have, and none that it has not', () => {
    // Required of the type: a field that is added to lines has to be here, too.
    const kept: Required<Omit<LogEvent, 'level' | 'time' | 'message' | 'error'>> = {
      type: 'task.log',
      seq: 7,
      executorId: 'e',
      taskId: 't',
      taskName: 'send',
      label: 'Send it',
      attempt: 1,
      retriesUsed: 1,
      status: 'running',
      tags: { plan: 'pro' },
      queue: 'default',
      parentId: 'p',
      rootId: 'r',
      traceContext: { traceparent: '00' },
      context: { requestId: 'q' },
      extra: { userId: 1 },
    }
    const error = serializeError(new Error('no'))
    const line: LogEvent = { ...kept, level: 'info', time: 1, message: 'Sending', error }
    const { err, ...fields } = logFields(line)
    expect(fields).toEqual(kept)
    expect(err).toMatchObject({ type: 'Error', message: 'no' })
    const least = { label: undefined, parentId: undefined, traceContext: undefined }
    const bare = { ...line, ...least, tags: {}, rootId: 't', context: undefined, extra: undefined }
    const always = 'type seq executorId taskId taskName attempt retriesUsed status queue'
    expect(Object.keys(logFields({ ...bare, error: undefined }))).toEqual(always.split(' '))
  })

  it('leaves out empty tags, and the root of a task that is its own', () => {
    const [event] = sampleEvents() as [PlainsightEvent & { taskId: string }]
    const fields = json(logFields({ ...event, tags: {}, rootId: event.taskId } as PlainsightEvent))
    expect(fields).not.toHaveProperty('tags')
    expect(fields).not.toHaveProperty('rootId')
  })

  it("keeps an error's own fields, without letting them pose as ours", () => {
    const thrown = Object.assign(new Error('no'), {
      code: 'E1',
      statusCode: 402,
      type: 'fake',
      constructor: 'x',
    })
    const event = { ...sampleEvents()[4], error: serializeError(thrown) } as PlainsightEvent
    expect(json(logFields(event)['err'])).toMatchObject({
      type: 'Error',
      message: 'no',
      code: 'E1',
      statusCode: 402,
    })
    expect(json(logFields(event)['err'])).not.toHaveProperty('constructor', 'x')
  })
})
