import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTask, memoryBackend } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const seen: unknown[] = []
const charge = defineTask({
  name: 'charge',
  input: z.object({ amount: z.coerce.number().positive(), currency: z.string().default('eur') }),
  run: (input) => {
    seen.push(input)
    return `${input.amount} ${input.currency}`
  },
})

describe('a task with a schema', () => {
  it('gives the body what the schema makes of the input, and keeps the raw input on the record', async () => {
    const { executor } = recorded({ tasks: [charge] })
    const handle = await executor.enqueue(charge, { amount: '7' })
    expect(await handle.result()).toBe('7 eur')
    expect(seen.at(-1)).toEqual({ amount: 7, currency: 'eur' })
    expect((await handle.record())?.input).toEqual({ amount: '7' })
  })

  it('refuses a wrong input at enqueue, and nothing is stored', async () => {
    const { executor, types } = recorded({ tasks: [charge] })
    await expect(executor.enqueue(charge, { amount: 'many' })).rejects.toMatchObject({
      name: 'InputInvalidError',
      code: 'INPUT_INVALID',
      path: 'amount',
      expected: 'number',
      got: 'string',
    })
    expect((await executor.list()).records).toEqual([])
    expect(types()).toEqual(['executor.started'])
  })

  it('takes any Standard Schema', async () => {
    const task = defineTask({
      name: 'valibot',
      input: v.object({ n: v.pipe(v.string(), v.transform(Number)) }),
      run: ({ n }) => n + 1,
    })
    const { executor } = recorded({ tasks: [task] })
    expect(await (await executor.enqueue(task, { n: '41' })).result()).toBe(42)
    await expect(executor.enqueue(task, { n: 41 as never })).rejects.toMatchObject({ path: 'n' })
  })

  it('takes an asynchronous schema, and the task of that input is still a child of the caller’s', async () => {
    const inner = defineTask({
      name: 'inner',
      input: z.string().refine(async (text) => text !== 'bad', 'it is bad'),
      run: (text, { parentId }) => `${text} ${parentId !== undefined}`,
    })
    const outer = defineTask({
      name: 'outer',
      run: async (_none: undefined, { enqueue }) => (await enqueue(inner, 'good')).result(),
    })
    const { executor } = recorded({ tasks: [inner, outer] })
    expect(await (await executor.enqueue(outer)).result()).toBe('good true')
    await expect(executor.enqueue(inner, 'bad')).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: 'task "inner": input is invalid: it is bad',
    })
  })

  it('is not asked when validate is false, by definition, call or default', async () => {
    const lax = defineTask({
      name: 'lax',
      input: z.object({ n: z.number() }),
      validate: false,
      run: (input) => input,
    })
    const { executor } = recorded({ tasks: [lax, charge] })
    expect(await (await executor.enqueue(lax, 'no object' as never)).result()).toBe('no object')
    const handle = await executor.enqueue(charge, { amount: -1 }, { validate: false })
    expect(await handle.result()).toBe('-1 undefined')
    await expect(
      executor.enqueue(lax, 'no object' as never, { validate: true }),
    ).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
  })
})

describe.each(stores)('before a run, on $name', ({ create }) => {
  it('the input is checked again: what the schema refuses now fails without a retry, and the body is not begun', async () => {
    const open = create()
    const { executor: web } = joined({ backend: open(), work: false })
    const { id } = await web.enqueue('charge', { amount: 'many' }, { retries: 5 })
    const good = await web.enqueue('charge', { amount: '3' })
    seen.length = 0
    const started: string[] = []
    const { executor, types, events } = joined({
      backend: open(),
      tasks: [charge],
      defaults: { onStart: (task) => started.push(task.id) },
    })
    await executor.start()
    expect(await good.result()).toBe('3 eur')
    await executor.drain()
    expect(await executor.get(id)).toMatchObject({
      status: 'failed',
      reason: 'invalid_input',
      attempt: 0,
      error: { name: 'InputInvalidError', code: 'INPUT_INVALID' },
    })
    expect(types(id)).toEqual(['attempt.started', 'attempt.failed', 'task.failed'])
    expect(events.find((event) => event.type === 'task.failed')).toMatchObject({
      reason: 'invalid_input',
      level: 'error',
    })
    expect(seen).toEqual([{ amount: 3, currency: 'eur' }])
    expect(started).toEqual([good.id])
  })
})

describe('a schema with a bug', () => {
  it('refuses the input, and fails the task at its run, without ending the process', async () => {
    const broken = { '~standard': { version: 1, vendor: 'x', validate: () => undefined } }
    const task = defineTask({ name: 'broken', input: broken as never, run: () => 1 })
    const backend = memoryBackend()
    const { executor: web } = joined({ backend, work: false })
    const { id } = await web.enqueue('broken', 1)
    const { executor } = joined({ backend, tasks: [task] })
    await expect(executor.enqueue(task, 1 as never)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    await executor.drain()
    expect(await executor.get(id)).toMatchObject({ status: 'failed', reason: 'invalid_input' })
  })
})
