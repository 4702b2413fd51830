import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'

class CardDeclined extends Error {}

describe('throws: expected errors', () => {
  it('still fail the task, but its event has level info, expected: true and no stack', async () => {
    const task = defineTask({
      name: 't',
      throws: [CardDeclined],
      run: (): number => {
        throw new CardDeclined('declined')
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      cause: expect.any(CardDeclined),
    })
    const [failed] = only('task.failed')
    expect(failed).toMatchObject({
      level: 'info',
      expected: true,
      reason: 'error',
      error: { name: 'CardDeclined', message: 'declined' },
    })
    expect(failed?.error).not.toHaveProperty('stack')
    expect(only('attempt.failed')[0]?.error).not.toHaveProperty('stack')
    expect((await handle.record())?.error).not.toHaveProperty('stack')
  })

  it('leaves others as they are', async () => {
    const task = defineTask({
      name: 't',
      throws: [CardDeclined],
      run: (): number => {
        throw new Error('bug')
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    await expect((await executor.enqueue(task)).result()).rejects.toThrow()
    expect(only('task.failed')[0]).toMatchObject({
      level: 'error',
      error: { stack: expect.stringContaining('expected.test.ts') },
    })
    expect(only('task.failed')[0]?.expected).toBeUndefined()
  })

  it('are retried like others', async () => {
    const task = defineTask({
      name: 't',
      throws: [CardDeclined],
      retries: 1,
      backoff: { delay: 0 },
      run: (): number => {
        throw new CardDeclined('x')
      },
    })
    const { executor, types } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toThrow()
    expect(types(handle.id).filter((type) => type === 'attempt.failed')).toHaveLength(2)
  })
})
