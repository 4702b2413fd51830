import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'

describe('label', () => {
  it('is shown on record, context and every event, and never an identity', async () => {
    const task = defineTask({
      name: 't',
      label: 'Charge a card',
      run: (_none: undefined, { label }) => label,
    })
    const { executor, events } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toBe('Charge a card')
    expect(await handle.record()).toMatchObject({ name: 't', label: 'Charge a card' })
    expect(events.flatMap((event) => ('taskId' in event ? [event.label] : []))).toEqual([
      'Charge a card',
      'Charge a card',
      'Charge a card',
      'Charge a card',
    ])
  })

  it('may be a function of the input, by definition or call, called once at enqueue', async () => {
    let calls = 0
    const task = defineTask({
      name: 't',
      retries: 1,
      backoff: { delay: 0 },
      label: ({ id }: { id: number }) => {
        calls += 1
        return `Order ${id}`
      },
      run: (_input: { id: number }, { label, attempt }) => {
        if (attempt === 0) throw new Error('again')
        return label
      },
    })
    const { executor } = recorded({ tasks: [task] })
    expect(await (await executor.enqueue(task, { id: 7 })).result()).toBe('Order 7')
    expect(calls).toBe(1)
    expect(
      await (
        await executor.enqueue(task, { id: 8 }, { label: ({ id }: { id: number }) => `Rush ${id}` })
      ).result(),
    ).toBe('Rush 8')
    expect(
      await (await executor.enqueue(task, { id: 9 }, { label: null })).result(),
    ).toBeUndefined()
  })

  it('a function that throws or answers nonsense costs the label, not the task; its input is a copy', async () => {
    const throwing = defineTask({
      name: 'a',
      label: () => {
        throw new Error('bug')
      },
      run: (_none: undefined, { label }) => `${label}`,
    })
    const nonsense = defineTask({
      name: 'b',
      label: () => 7 as never,
      run: (_none: undefined, { label }) => `${label}`,
    })
    const changing = defineTask({
      name: 'c',
      label: (input: { n: number }) => {
        input.n = 99
        return 'x'.repeat(300)
      },
      run: ({ n }: { n: number }, { label }) => [n, label?.length],
    })
    const { executor } = recorded({ tasks: [throwing, nonsense, changing] })
    expect(await (await executor.enqueue(throwing)).result()).toBe('undefined')
    expect(await (await executor.enqueue(nonsense)).result()).toBe('undefined')
    expect(await (await executor.enqueue(changing, { n: 1 })).result()).toEqual([1, 200])
  })
})
