import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask, InvalidOptionsError } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'

const run = (): number => 1

describe('defineTask', () => {
  it('gives its name to handle, record and every event', async () => {
    const pay = defineTask({ name: 'billing:pay.card_v2-x', run })
    const { executor, events } = recorded({ tasks: [pay] })
    const handle = await executor.enqueue(pay)
    await handle.result()
    expect(handle.taskName).toBe('billing:pay.card_v2-x')
    expect(await handle.record()).toMatchObject({ name: 'billing:pay.card_v2-x' })
    const named = events.filter((event) => 'taskName' in event)
    expect(named.map((event) => [event.type, event.taskName])).toEqual([
      ['task.enqueued', 'billing:pay.card_v2-x'],
      ['attempt.started', 'billing:pay.card_v2-x'],
      ['attempt.summary', 'billing:pay.card_v2-x'],
      ['task.succeeded', 'billing:pay.card_v2-x'],
    ])
  })

  it('takes a body that is sync or async', async () => {
    const sync = defineTask({ name: 'sync', run: (n: number) => n + 1 })
    const later = defineTask({ name: 'later', run: async (n: number) => n + 2 })
    const { executor } = recorded({ tasks: [sync, later] })
    expect(await (await executor.enqueue(sync, 1)).result()).toBe(2)
    expect(await (await executor.enqueue(later, 1)).result()).toBe(3)
  })

  it.each<[string, unknown, string]>([
    ['no definition', undefined, 'definition'],
    ['null', null, 'definition'],
    ['no name', { run }, 'name'],
    ['an empty name', { name: '', run }, 'name'],
    ['a name with a space', { name: 'a b', run }, 'name'],
    ['a name of 201 characters', { name: 'n'.repeat(201), run }, 'name'],
    ['no run', { name: 't' }, 'run'],
    ['a run that is no function', { name: 't', run: 'x' }, 'run'],
    ['an input that is no schema', { name: 't', run, input: { type: 'object' } }, 'input'],
    ['an unknown option', { name: 't', run, retires: 3 }, 'retires'],
    ['retries: -1', { name: 't', run, retries: -1 }, 'retries'],
    ['retries: NaN', { name: 't', run, retries: Number.NaN }, 'retries'],
    ['concurrency: 0', { name: 't', run, concurrency: 0 }, 'concurrency'],
    ['an instant to expire at', { name: 't', run, expires: new Date() }, 'expires'],
    ['a hook that is no function', { name: 't', run, onError: 'log' }, 'onError'],
    [
      'a soft timeout above the hard one',
      { name: 't', run, timeout: 5, softTimeout: 6 },
      'softTimeout',
    ],
    [
      'an option whose getter throws',
      {
        name: 't',
        run,
        get retries(): never {
          throw new Error('no')
        },
      },
      'definition',
    ],
  ])('refuses %s, naming the option', (_what, definition, option) => {
    expect(() => defineTask(definition as never)).toThrow(InvalidOptionsError)
    expect(() => defineTask(definition as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', option }),
    )
  })

  it('says in one line what was expected, of which task, and what came', () => {
    expect(() => defineTask({ name: 'pay', run, retries: -1 })).toThrow(
      'task "pay": option "retries" must be an integer from 0, or Infinity; got number -1',
    )
  })

  it('is frozen: a definition cannot be changed behind an executor', () => {
    const task = defineTask({ name: 't', run, retries: 2 })
    expect(Object.isFrozen(task)).toBe(true)
    expect(Object.isFrozen(task.options)).toBe(true)
  })
})

describe('an executor', () => {
  const one = defineTask({ name: 'same', run: () => 'first' })
  const two = defineTask({ name: 'same', run: () => 'second' })

  it('refuses two tasks of one name when it is made', () => {
    expect(() => createExecutor({ tasks: [one, two] })).toThrow(
      expect.objectContaining({ code: 'DUPLICATE_TASK', taskName: 'same' }),
    )
  })

  it('refuses a second one while running, and the first stays', async () => {
    const { executor } = recorded({ tasks: [one] })
    expect(() => executor.register(two)).toThrow(
      expect.objectContaining({ code: 'DUPLICATE_TASK' }),
    )
    expect(await (await executor.enqueue(one)).result()).toBe('first')
    await expect(executor.enqueue(two)).rejects.toMatchObject({ code: 'UNKNOWN_TASK' })
  })

  it('takes the same definition twice, and one that another executor has', async () => {
    const first = recorded({ tasks: [one, one] })
    const second = recorded({ tasks: [one] })
    first.executor.register(one)
    expect(await (await second.executor.enqueue(one)).result()).toBe('first')
  })

  it('runs what is registered while it runs', async () => {
    const { executor } = recorded()
    await executor.start()
    executor.register(one)
    expect(await (await executor.enqueue(one)).result()).toBe('first')
  })

  it.each<[string, object, string]>([
    ['an unknown option', { observer: [] }, 'observer'],
    ['a task that is none', { tasks: [{ name: 'x', run }] }, 'tasks'],
    ['tasks that are no list', { tasks: one }, 'tasks'],
    ['an observer that is null', { observers: [null] }, 'observers'],
    ['an observer that observes nothing', { observers: [{ name: 'x' }] }, 'observers'],
    [
      'an observer with an unknown level',
      { observers: [{ minLevel: 'loud', onEvent() {} }] },
      'minLevel',
    ],
    [
      'an observer with an unknown type',
      { observers: [{ types: ['task.done'], onEvent() {} }] },
      'types',
    ],
    ['an unknown default', { defaults: { retires: 1 } }, 'defaults.retires'],
    ['a wrong default', { defaults: { retries: -1 } }, 'retries'],
    ['concurrency: 0', { concurrency: 0 }, 'concurrency'],
    ['concurrency: NaN', { concurrency: Number.NaN }, 'concurrency'],
    ['maxQueued: 0, which would refuse everything', { maxQueued: 0 }, 'maxQueued'],
    ['an id with a space', { id: 'a b' }, 'id'],
    ['an unknown log level', { logs: { store: 'loud' } }, 'logs.store'],
    ['an unknown log option', { logs: { level: 'info' } }, 'logs.level'],
    ['a backend that is none', { backend: {} }, 'backend'],
    ['a negative retention', { retention: { maxAge: -1 } }, 'retention.maxAge'],
    ['work that is no boolean', { work: 'no' }, 'work'],
  ])('refuses %s when it is made', (_what, options, option) => {
    expect(() => createExecutor(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', option }),
    )
  })

  it('refuses a definition that its defaults contradict when it is made', () => {
    const task = defineTask({ name: 't', run, timeout: '1s' })
    expect(() => createExecutor({ tasks: [task], defaults: { softTimeout: '2s' } })).toThrow(
      'task "t": option "softTimeout" must be at most timeout (1000 ms)',
    )
  })
})
