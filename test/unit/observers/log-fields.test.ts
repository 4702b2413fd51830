import { describe, expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../src/events/event.ts'
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
