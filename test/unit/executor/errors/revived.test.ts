import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

class CardDeclined extends Error {
  readonly card: string
  constructor(card: string, options?: ErrorOptions) {
    super(`card ${card} was declined`, options)
    this.card = card
  }
}
const root = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' })
const pay = defineTask({
  name: 'pay',
  errors: [CardDeclined],
  run: (): number => {
    throw new CardDeclined('visa', { cause: root })
  },
})

describe.each(stores)('the error of a task, on $name', ({ create }) => {
  it('is kept with name, message, code, stack, own fields, causes and a fingerprint', async () => {
    const { executor, only } = recorded({ backend: create()(), tasks: [pay] })
    const handle = await executor.enqueue(pay)
    await expect(handle.result()).rejects.toThrow()
    const stored = (await handle.record())?.error
    expect(stored).toMatchObject({
      name: 'CardDeclined',
      message: 'card visa was declined',
      stack: expect.stringContaining('revived.test.ts'),
      fields: { card: 'visa' },
      cause: { name: 'Error', message: 'connection reset', code: 'ECONNRESET' },
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    expect(only('task.failed')[0]?.error).toEqual(stored)
  })

  it('is the original in this process; elsewhere an instance of a listed class, or plain data', async () => {
    const open = create()
    const { executor } = joined({ backend: open(), tasks: [pay] })
    const here = await executor.enqueue(pay)
    const error = await here.result().catch((thrown: unknown) => thrown)
    expect((error as Error).cause).toBeInstanceOf(CardDeclined)
    expect(((error as Error).cause as Error).cause).toBe(root)

    const elsewhere = await resultElsewhere(open, true)
    expect(elsewhere).toMatchObject({ code: 'TASK_FAILED', reason: 'error' })
    const { cause } = elsewhere as { cause: CardDeclined }
    expect(cause).toBeInstanceOf(CardDeclined)
    expect(cause).toMatchObject({ card: 'visa', message: 'card visa was declined' })
    expect(await resultElsewhere(open, false)).toMatchObject({
      code: 'TASK_FAILED',
      cause: { name: 'CardDeclined', message: 'card visa was declined', fields: { card: 'visa' } },
    })
  })

  /** Enqueues where nothing runs, lets a worker run it, and asks the first for the result. */
  async function resultElsewhere(
    open: () => ReturnType<ReturnType<typeof create>>,
    knows: boolean,
  ): Promise<unknown> {
    const { executor: web } = joined({ backend: open(), work: false, tasks: knows ? [pay] : [] })
    const handle = await web.enqueue('pay')
    const { executor: worker } = joined({ backend: open(), tasks: [pay] })
    await worker.start()
    return handle.result({ timeout: '4s' }).catch((error: unknown) => error)
  }

  it('has one fingerprint for one kind of failure at one place', async () => {
    const flaky = defineTask({
      name: 'flaky',
      run: (n: number): number => {
        throw new Error(`order ${n} failed`)
      },
    })
    const { executor, only } = recorded({ backend: create()(), tasks: [flaky] })
    for (const n of [1, 22, 333]) await (await executor.enqueue(flaky, n)).result().catch(() => {})
    expect(new Set(only('task.failed').map((event) => event.error.fingerprint)).size).toBe(1)
  })
})
