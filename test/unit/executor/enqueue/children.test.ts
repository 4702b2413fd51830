import { describe, expect, it } from 'vitest'
import { defineTask, getTaskContext, type TaskContext } from '../../../../src/index.ts'
import { gate, recorded } from '../../../support/recorded.ts'
import { stores } from '../../../support/stores.ts'

const leaf = defineTask({
  name: 'leaf',
  run: (_n: number, { parentId, rootId, taskId }) => ({ taskId, parentId, rootId }),
})

describe.each(stores)('a task enqueued inside a task, on $name', ({ create }) => {
  it('is its child and in its tree: in context, record, events and handle.children()', async () => {
    const middle = defineTask({
      name: 'middle',
      run: async (_none: undefined, { enqueue, taskId }) => ({
        middle: taskId,
        leaf: await (await enqueue(leaf, 1)).result(),
      }),
    })
    const root = defineTask({
      name: 'root',
      run: async () => {
        // Through the executor too: it is where it is called from that counts.
        const handle = await executor.enqueue(middle)
        return handle.result()
      },
    })
    const { executor, only } = recorded({ backend: create()(), tasks: [root, middle, leaf] })
    const handle = await executor.enqueue(root)
    const result = await handle.result()
    expect(result).toEqual({
      middle: result.middle,
      leaf: { taskId: result.leaf.taskId, parentId: result.middle, rootId: handle.id },
    })
    expect(
      (await handle.children()).map(({ id, name, parentId, rootId }) => ({
        id,
        name,
        parentId,
        rootId,
      })),
    ).toEqual([{ id: result.middle, name: 'middle', parentId: handle.id, rootId: handle.id }])
    expect(await handle.record()).toMatchObject({ parentId: undefined, rootId: handle.id })
    expect(
      only('task.enqueued').map((event) => [event.taskName, event.parentId, event.rootId]),
    ).toEqual([
      ['root', undefined, handle.id],
      ['middle', handle.id, handle.id],
      ['leaf', result.middle, handle.id],
    ])
  })

  it('is no child with parent: null', async () => {
    const root = defineTask({
      name: 'root',
      run: async (_none: undefined, { enqueue }) =>
        (await enqueue(leaf, 1, { parent: null })).result(),
    })
    const { executor } = recorded({ backend: create()(), tasks: [root, leaf] })
    const handle = await executor.enqueue(root)
    const result = await handle.result()
    expect(result).toEqual({ taskId: result.taskId, rootId: result.taskId })
    expect(await handle.children()).toEqual([])
  })

  it('all of them, oldest first, by enqueueMany too', async () => {
    const root = defineTask({
      name: 'root',
      run: async () => {
        await executor.enqueueMany(
          Array.from({ length: 250 }, (_none, input) => ({ task: leaf, input })),
        )
      },
    })
    const { executor } = recorded({ backend: create()(), tasks: [root, leaf] })
    const handle = await executor.enqueue(root)
    await handle.result()
    expect((await handle.children()).map((record) => record.input)).toEqual(
      Array.from({ length: 250 }, (_none, n) => n),
    )
  })
})

describe('a context that was handed out of its scope', () => {
  it('still makes children of its task', async () => {
    const handedOut = gate<TaskContext>()
    const release = gate()
    const root = defineTask({
      name: 'root',
      run: async (_none: undefined, context) => {
        handedOut.open(context)
        await release.promise
      },
    })
    const { executor } = recorded({ tasks: [root, leaf] })
    const handle = await executor.enqueue(root)
    const context = await handedOut.promise
    expect(getTaskContext()).toBeUndefined()
    const child = await context.enqueue(leaf, 1)
    expect(await child.result()).toMatchObject({ parentId: handle.id, rootId: handle.id })
    release.open()
    await handle.result()
  })
})
