import { describe, expect, it } from 'vitest'
import * as plainsight from '../../../../src/index.ts'

const make: Record<string, () => plainsight.PlainsightError> = {
  INVALID_OPTIONS: () => new plainsight.InvalidOptionsError('retries', 'an integer', -1),
  INPUT_INVALID: () => new plainsight.InputInvalidError('t', [{ path: 'a', message: 'bad' }]),
  NOT_SERIALIZABLE: () => new plainsight.NotSerializableError('the input', 'a', 'a Date', 'advice'),
  UNKNOWN_TASK: () => new plainsight.UnknownTaskError('t', 'unknown'),
  DUPLICATE_TASK: () => new plainsight.DuplicateTaskError('t', 'twice'),
  QUEUE_FULL: () => new plainsight.QueueFullError('default', 5),
  BACKEND_UNAVAILABLE: () =>
    new plainsight.BackendUnavailableError('memory', 'insert', 'io', 'gone'),
  IDEMPOTENCY_MISMATCH: () => new plainsight.IdempotencyMismatchError('t', 'k', 'id'),
  TASK_TIMEOUT: () => new plainsight.TaskTimeoutError('t', 5),
  TASK_FAILED: () => new plainsight.TaskFailedError('id', 't', 'error', 'boom'),
  TASK_CANCELLED: () => new plainsight.TaskCancelledError('id', 't'),
  TASK_INTERRUPTED: () => new plainsight.TaskInterruptedError('id', 't', 'shutdown'),
  TASK_EXPIRED: () => new plainsight.TaskExpiredError('id', 't', 0),
  RESULT_UNAVAILABLE: () => new plainsight.ResultUnavailableError('id', 'gone'),
  EXECUTOR_CLOSED: () => new plainsight.ExecutorClosedError('enqueue'),
  UNRECOVERABLE: () => new plainsight.UnrecoverableError('no use'),
  RETRY_AFTER: () => new plainsight.RetryAfterError('5s'),
}

describe('every error class', () => {
  it('is here', () => {
    const classes = Object.keys(plainsight).filter((name) => name.endsWith('Error'))
    const made = Object.values(make).map((each) => each().name)
    expect(
      classes.filter((name) => name !== 'PlainsightError' && name !== 'WaitTimeoutError').sort(),
    ).toEqual(made.sort())
  })

  it.each(Object.entries(make))('%s is its stable code, its class its name', (code, of) => {
    const error = of()
    expect(error).toBeInstanceOf(plainsight.PlainsightError)
    expect(error).toBeInstanceOf(Error)
    expect(error.code).toBe(code)
    expect((plainsight as unknown as Record<string, unknown>)[error.name]).toBe(error.constructor)
    expect(error.message).not.toBe('')
  })

  it('says times in a way people read', () => {
    expect(new plainsight.TaskExpiredError('id', 't', Date.UTC(2026, 0, 1)).message).toBe(
      'task "t" (id) expired at 2026-01-01T00:00:00.000Z before it could start',
    )
    expect(new plainsight.TaskExpiredError('id', 't', 1e20).message).toContain(
      '100000000000000000000',
    )
  })
})
