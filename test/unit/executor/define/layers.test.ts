import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import type { ExecutionOptions } from '../../../../src/task/options.ts'
import { recorded } from '../../../support/recorded.ts'

/** What came of three layers, read off the record and the context. */
async function outcome(layers: {
  defaults?: ExecutionOptions
  definition?: ExecutionOptions
  call?: ExecutionOptions
}): Promise<unknown> {
  const { defaults = {}, definition = {}, call } = layers
  const task = defineTask({
    ...definition,
    name: 't',
    run: (_none: undefined, context) => context.maxAttempts,
  })
  const { executor } = recorded({ tasks: [task], defaults })
  const handle = await executor.enqueue(task, undefined, call)
  const maxAttempts = await handle.result()
  const record = await handle.record()
  return { maxAttempts, queue: record?.queue, priority: record?.priority, tags: record?.tags }
}

describe('the three layers of options', () => {
  it('are defaults, then definition, then call', async () => {
    const defaults = { retries: 1, queue: 'a', priority: 1, tags: { of: 'defaults' } }
    expect(await outcome({ defaults })).toEqual({
      maxAttempts: 2,
      queue: 'a',
      priority: 1,
      tags: { of: 'defaults' },
    })
    const definition = { retries: 2, queue: 'b' }
    expect(await outcome({ defaults, definition })).toEqual({
      maxAttempts: 3,
      queue: 'b',
      priority: 1,
      tags: { of: 'defaults' },
    })
    const call = { retries: 3, tags: { by: 'call' } }
    expect(await outcome({ defaults, definition, call })).toEqual({
      maxAttempts: 4,
      queue: 'b',
      priority: 1,
      tags: { by: 'call' },
    })
  })

  it('let undefined inherit and null clear back to the library’s default', async () => {
    const defaults = { retries: 1, queue: 'a', priority: 1 }
    const definition = {
      retries: undefined,
      queue: null,
      priority: 5,
    } as unknown as ExecutionOptions
    const call = { retries: undefined, priority: null } as unknown as ExecutionOptions
    expect(await outcome({ defaults, definition, call })).toEqual({
      maxAttempts: 2,
      queue: 'default',
      priority: 0,
      tags: {},
    })
  })

  it('let a nearer hook list replace the farther one, and null clear it', async () => {
    const called: string[] = []
    const hook = (name: string) => () => void called.push(name)
    const task = defineTask({
      name: 't',
      run: () => 1,
      onSuccess: [hook('definition 1'), hook('definition 2')],
      onFinal: hook('definition final'),
    })
    const { executor } = recorded({
      tasks: [task],
      defaults: { onStart: hook('default start'), onSuccess: hook('default') },
    })
    await (await executor.enqueue(task)).result()
    expect(called.splice(0)).toEqual([
      'default start',
      'definition 1',
      'definition 2',
      'definition final',
    ])
    await (
      await executor.enqueue(task, undefined, { onStart: null, onSuccess: hook('call') })
    ).result()
    expect(called).toEqual(['call', 'definition final'])
  })

  it('are checked after merging: a soft timeout of the call above the definition’s hard one', async () => {
    const task = defineTask({ name: 't', run: () => 1, timeout: '1s' })
    const { executor } = recorded({ tasks: [task] })
    await expect(executor.enqueue(task, undefined, { softTimeout: '2s' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'softTimeout',
    })
    await (await executor.enqueue(task, undefined, { softTimeout: '2s', timeout: null })).result()
  })
})
