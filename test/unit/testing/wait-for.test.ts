import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../src/testing/wait-for.ts'

describe('waitFor', () => {
  it('answers with the first truthy value', async () => {
    const answers = [undefined, 0, '', 'now', 'later']
    expect(await waitFor(() => answers.shift(), { interval: 0 })).toBe('now')
  })

  it('waits for a promise, and asks again when it is rejected', async () => {
    let count = 0
    const condition = async (): Promise<number> => {
      if (count++ < 2) throw new Error('not yet')
      return count
    }
    expect(await waitFor(condition, { interval: 0 })).toBe(3)
  })

  it('says what it waited for, and what it saw last', async () => {
    await expect(waitFor(() => false, { timeout: 3, what: 'the moon' })).rejects.toMatchObject({
      name: 'WaitTimeoutError',
      message: 'waited 3 ms for the moon; at the last look it was false',
      timeoutMs: 3,
    })
    const cause = new Error('still not')
    const condition = (): boolean => {
      throw cause
    }
    await expect(waitFor(condition, { timeout: 3 })).rejects.toMatchObject({
      message: 'waited 3 ms for the condition; at the last look it threw Error: still not',
      cause,
    })
  })

  it('looks at least once', async () => {
    expect(await waitFor(() => true, { timeout: 0 })).toBe(true)
  })
})
