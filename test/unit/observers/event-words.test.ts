import { describe, expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { errorText, eventMessage } from '../../../src/observers/event-words.ts'
import { serializeError } from '../../../src/task/serialized-error.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

function message(type: string, fields: object = {}): string {
  const event = sampleEvents().find((each) => each.type === type)
  return eventMessage({ ...event, label: undefined, ...fields } as PlainsightEvent)
}

describe('eventMessage', () => {
  it('says of every type what happened', () => {
    const all = sampleEvents().map((event) => `${event.type}: ${eventMessage(event)}`)
    expect(all).toEqual([
      'task.enqueued: charge u1 enqueued, priority 5',
      'task.scheduled: charge u1 scheduled by retry, due in 1m',
      'task.deduplicated: charge u1 is already there under the key invoice-42',
      'attempt.started: charge u1 started retry 1 after waiting 3.5ms',
      'task.log: Initiating payment',
      'task.progress: charge u1 progress 3/10 (30%)',
      'attempt.summary: charge u1 attempt 1 failed, waited 3.5ms, stored in 0.8ms, ran 12ms, loop stood 4.2ms: TypeError e1178b2125517c50',
      'attempt.failed: charge u1 attempt failed after 12ms, retry 2 in 1.2s: TypeError: card declined',
      'task.retrying: charge u1 waits: retry 2 in 1.2s',
      'task.succeeded: charge u1 succeeded in 1.2s (20s in all); its result was not stored: TypeError: card declined',
      'task.failed: charge u1 failed after 1.2s (20s in all) (timeout): TypeError: card declined',
      'task.cancel_requested: charge u1 is asked to cancel by ops: no longer needed',
      'task.cancelled: charge u1 cancelled by ops after 1.2s: no longer needed',
      'task.interrupted: charge u1 interrupted by a crash after 1.2s',
      'task.requeued: charge u1 requeued after the loss of its lease',
      'task.expired: charge u1 expired before it could start',
      'attempt.overrun: charge u1 ran on 30s past its end',
      'attempt.discarded: charge u1 ended too late to count',
      'hook.error: charge u1 had its hook onSuccess fail: TypeError: card declined',
      'executor.started: executor started (sqlite, local), took over: 2 claimed, 1 requeued',
      'executor.closed: executor closed in 812ms, left: 3 pending',
      'executor.loop_blocked: event loop blocked for 412ms by charge-card 019b7c6e-4d3e-7a11-8b22-c0ffee5f0c1a 380ms, observer pager 30ms',
      'executor.unknown_task: 2 waiting for the task gone, which this executor does not have',
      'queue.paused: queue mail paused by ops',
      'queue.resumed: all queues resumed',
      'observer.error: observer pager failed 3 times: TypeError: card declined',
      'observer.dropped: observer pager dropped 12 events',
      'backend.error: backend failed to insert (SQLITE_BUSY): TypeError: card declined',
    ])
  })

  it('leaves out what is not there', () => {
    expect(message('task.enqueued', { priority: 0 })).toBe('charge-card enqueued')
    expect(message('attempt.started', { attempt: 0, retriesUsed: 0, waitMs: 0.2 })).toBe(
      'charge-card started',
    )
    expect(message('attempt.started', { attempt: 3, retriesUsed: 1, waitMs: 0 })).toBe(
      'charge-card started attempt 3',
    )
    expect(message('attempt.failed', { retryAt: undefined })).toBe(
      'charge-card attempt failed after 12ms: TypeError: card declined',
    )
    expect(message('task.failed', { expected: true, reason: 'error', totalMs: 1_300 })).toBe(
      'charge-card failed as expected after 1.2s: TypeError: card declined',
    )
    expect(message('task.succeeded', { resultError: undefined, durationMs: 0, totalMs: 1 })).toBe(
      'charge-card succeeded in 0ms',
    )
    expect(
      message('task.cancelled', { by: undefined, reason: undefined, durationMs: undefined }),
    ).toBe('charge-card cancelled')
    expect(message('task.progress', { total: undefined })).toBe('charge-card progress 3')
    expect(message('task.progress', { done: 0, total: 0 })).toBe('charge-card progress 0/0')
    expect(message('executor.started', { recovered: { claimed: 0 } })).toBe(
      'executor started (sqlite, local)',
    )
    expect(message('executor.closed', { left: {} })).toBe('executor closed in 812ms')
    expect(message('observer.dropped', { count: 1 })).toBe('observer pager dropped 1 event')
  })

  it('names a type that it does not know', () => {
    expect(message('task.expired', { type: 'task.invented' })).toBe('charge-card task.invented')
  })
})

describe('errorText', () => {
  it('is the name and the first line', () => {
    expect(errorText(serializeError(new RangeError('too far\r\nreally')))).toBe(
      'RangeError: too far',
    )
    expect(errorText(serializeError({ name: 'RangeError', message: '' }))).toBe('RangeError')
  })
})
