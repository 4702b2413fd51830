import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask } from '../../../../src/index.ts'
import { gate, recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

describe('options per call', () => {
  it('win over the definition, each of them', async () => {
    const called: string[] = []
    const task = defineTask({
      name: 't',
      retries: 0,
      timeout: '1m',
      onFinal: () => called.push('definition'),
      run: (_none: undefined, { attempt }) => {
        if (attempt < 2) throw new Error(`attempt ${attempt}`)
        return attempt
      },
    })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task, undefined, {
      retries: 2,
      backoff: ({ failures }) => failures,
      retryIf: (error) => (error as Error).message !== 'never',
      timeout: null,
      onFinal: () => called.push('call'),
      queue: 'fast',
    })
    expect(await handle.result()).toBe(2)
    expect(called).toEqual(['call'])
    expect(await handle.record()).toMatchObject({
      queue: 'fast',
      maxAttempts: 3,
      localOptions: ['backoff', 'retryIf', 'onFinal'],
    })
  })

  it.each(stores.filter(({ name }) => name !== 'memory'))(
    'on $name plain ones hold after a restart, functions only here',
    async ({ create }) => {
      const open = create()
      const called: string[] = []
      const work = gate()
      const blocker = defineTask({ name: 'blocker', run: () => work.promise })
      const task = defineTask({
        name: 't',
        timeout: '1m',
        onFinal: () => called.push('definition'),
        run: (_none: undefined, { maxAttempts, headers, tags, priority }) => ({
          maxAttempts,
          headers,
          tags,
          priority,
        }),
      })
      const before = createExecutor({
        backend: open(),
        tasks: [task, blocker],
        concurrency: 1,
        observers: [],
      })
      await before.enqueue(blocker)
      const { id } = await before.enqueue(task, undefined, {
        retries: Infinity,
        keepResult: true,
        headers: { h: '1' },
        tags: { t: '1' },
        priority: 7,
        onFinal: () => called.push('call'),
      })
      work.open()
      await before.close({ grace: 0 })
      expect(called.splice(0)).toEqual([])
      const { executor: after } = joined({ backend: open(), tasks: [task, blocker] })
      await after.start()
      await after.drain()
      expect(await after.get(id)).toMatchObject({
        status: 'succeeded',
        result: { headers: { h: '1' }, tags: { t: '1' }, priority: 7 },
        maxAttempts: Infinity,
        localOptions: ['onFinal'],
      })
      expect(called).toEqual(['definition'])
    },
  )
})
