import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask } from '../../../../src/index.ts'
import { recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const greet = defineTask({ name: 'greet', run: (who: string) => `hello ${who}` })

describe.each(stores)('on $name', ({ create }) => {
  it('a task may be enqueued by name, without its code where work is false, and another executor runs it', async () => {
    const open = create()
    const { executor: web } = joined({ backend: open(), work: false })
    const handle = await web.enqueue('greet', 'you', { tags: { from: 'web' } })
    expect(await handle.record()).toMatchObject({ status: 'pending', name: 'greet' })
    const { executor: worker, types } = joined({ backend: open(), tasks: [greet] })
    await worker.start()
    expect(await handle.result({ timeout: '4s' })).toBe('hello you')
    expect(types(handle.id)).toEqual(['attempt.started', 'task.succeeded'])
    expect(await (await worker.enqueue('greet', 'me')).result()).toBe('hello me')
  })

  it('an id of one’s own is used, and a second record of that id refused', async () => {
    const open = create()
    const { executor } = recorded({ backend: open(), tasks: [greet] })
    const handle = await executor.enqueue(greet, 'one', { id: 'order:42.a_b-c' })
    expect(handle.id).toBe('order:42.a_b-c')
    expect(await handle.result()).toBe('hello one')
    await expect(executor.enqueue(greet, 'two', { id: 'order:42.a_b-c' })).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
      taskId: 'order:42.a_b-c',
    })
    expect((await executor.get('order:42.a_b-c'))?.input).toBe('one')
  })

  it.each<[string, unknown]>([
    ['a name that is not registered', 'grete'],
    ['a definition that is not listed', defineTask({ name: 'unlisted', run: () => 1 })],
    ['another definition of a name', defineTask({ name: 'greet', run: () => 1 })],
    ['a function', () => 1],
    ['null', null],
    ['undefined', undefined],
  ])('%s is refused, and nothing is stored', async (_what, task) => {
    const { executor } = recorded({ backend: create()(), tasks: [greet] })
    await expect(executor.enqueue(task as never)).rejects.toMatchObject({
      name: 'UnknownTaskError',
      code: 'UNKNOWN_TASK',
    })
    expect((await executor.list()).records).toEqual([])
  })
})

describe('an unknown name', () => {
  it('is told with the names there are', async () => {
    const { executor } = recorded({ tasks: [greet] })
    await expect(executor.enqueue('grete')).rejects.toThrow(
      'no task named string "grete" is registered in this executor; registered: greet',
    )
  })

  it('must be a possible name even where work is false', async () => {
    const executor = createExecutor({ work: false, observers: [] })
    await expect(executor.enqueue('no such name')).rejects.toMatchObject({ code: 'UNKNOWN_TASK' })
    await executor.close()
  })
})
