import { describe, expect, it } from 'vitest'
import { defineTask, formatLogs, taskLog } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { gate, recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const stamp = (time: number): string => new Date(time).toISOString().slice(0, 19)

describe.each(stores)('stored logs, on $name', ({ name, create }) => {
  it('are structured, in order, and text with stamps and retries, also one that logs nothing', async () => {
    const clock = manualClock()
    const start = clock.now()
    const task = defineTask({
      name: 't',
      retries: 3,
      backoff: { delay: '60s', factor: 1, jitter: 'none' },
      run: (_none: undefined, { attempt }) => {
        if (attempt !== 1) taskLog.debug(`line of attempt ${attempt}`)
        if (attempt === 0) taskLog.error('two\nlines')
        if (attempt < 3) throw new Error('again')
      },
    })
    const { executor } = recorded({ backend: create()(), tasks: [task], clock })
    const handle = await executor.enqueue(task)
    for (let minute = 0; minute < 4; minute++) await clock.advance(60_000)
    const record = await handle.record()
    expect(record?.logLines).toEqual([
      { time: start, level: 'debug', attempt: 0, message: 'line of attempt 0' },
      { time: start, level: 'error', attempt: 0, message: 'two\nlines' },
      { time: start + 120_000, level: 'debug', attempt: 2, message: 'line of attempt 2' },
      { time: start + 180_000, level: 'debug', attempt: 3, message: 'line of attempt 3' },
    ])
    const text = [
      `${stamp(start)} line of attempt 0`,
      `${stamp(start)} two\nlines`,
      '--- Retry 1 ---',
      '--- Retry 2 ---',
      `${stamp(start + 120_000)} line of attempt 2`,
      '--- Retry 3 ---',
      `${stamp(start + 180_000)} line of attempt 3`,
    ]
    expect(record?.logs).toEqual(text)
    expect(record?.toJSON()['logs']).toEqual(text)
    expect(record === undefined ? [] : formatLogs(record)).toEqual(text)
    expect((await executor.list()).records[0]?.logLines).toEqual([])
    expect((await executor.list({ logs: true })).records[0]?.logs).toEqual(text)
  })

  it('are there while the task runs', async () => {
    const work = gate()
    const task = defineTask({
      name: 't',
      run: async () => {
        taskLog('begun')
        await work.promise
      },
    })
    const { executor } = recorded({ backend: create()(), tasks: [task] })
    const handle = await executor.enqueue(task)
    await handle.started
    await expect.poll(async () => (await handle.record())?.logLines.length).toBe(1)
    expect(await handle.record()).toMatchObject({ status: 'running' })
    work.open()
    await handle.result()
  })

  it('keep the extra only on request', async () => {
    const task = defineTask({
      name: 't',
      run: () => taskLog('paid', { amount: 7, at: new Date(0) }),
    })
    for (const storeExtra of [false, true]) {
      const { executor, only } = recorded({
        backend: create()(),
        tasks: [task],
        logs: { storeExtra },
      })
      const handle = await executor.enqueue(task)
      await handle.result()
      const [line] = (await handle.record())?.logLines ?? []
      expect(line?.extra).toEqual(
        storeExtra ? { amount: 7, at: '1970-01-01T00:00:00.000Z' } : undefined,
      )
      expect(only('task.log')[0]?.extra).toEqual({ amount: 7, at: '1970-01-01T00:00:00.000Z' })
    }
  })

  it('are capped in lines and size, and the loss is counted; observers get every line', async () => {
    const task = defineTask({
      name: 't',
      retries: 1,
      backoff: { delay: 0 },
      run: (_none: undefined, { attempt }) => {
        for (let line = 0; line < 6; line++) taskLog(`line ${line}`)
        if (attempt === 0) throw new Error('again')
      },
    })
    const byLines = recorded({ backend: create()(), tasks: [task], logs: { maxLines: 8 } })
    const one = await byLines.executor.enqueue(task)
    await one.result()
    const record = await one.record()
    expect([record?.logLines.length, record?.logsDropped]).toEqual([8, 4])
    expect(record?.logs.at(-1)).toBe('[4 more lines were not stored]')
    expect(byLines.only('task.log')).toHaveLength(12)

    const bySize = recorded({ backend: create()(), tasks: [task], logs: { maxBytes: 20 } })
    const two = await bySize.executor.enqueue(task)
    await two.result()
    expect(await two.record()).toMatchObject({ logLines: [{}, {}, {}], logsDropped: 9 })
  })

  // Closing ends what a store that forgets holds.
  const ends = name === 'memory' ? ['killed'] : ['killed', 'closed']
  it.each(ends)('keep their caps and count over executors that are %s', async (end) => {
    const open = create()
    const isOver = gate()
    const runs: number[] = []
    const task = defineTask({
      name: 't',
      requeueOnInterrupt: true,
      retries: 1,
      backoff: { delay: 0 },
      run: async (_none: undefined, { attempt }) => {
        for (let line = 0; line < (attempt === 0 ? 600 : 1_500); line++) taskLog(`line ${line}`)
        runs.push(attempt)
        if (attempt === 0) throw new Error('again')
        if (runs.length < 4) await isOver.promise
      },
    })
    let id = ''
    for (const [index, executorId] of ['a', 'b', 'c'].entries()) {
      const backend = open()
      const { executor } = joined({ backend, tasks: [task], id: executorId })
      await executor.start()
      if (id === '') id = (await executor.enqueue(task)).id
      const count = index + 2
      await expect.poll(() => runs.length).toBe(count)
      const total = 600 + 1_500 * (count - 1)
      await expect
        .poll(async () => {
          const record = await executor.get(id)
          return [record?.logLines.length, record?.logsDropped]
        })
        .toEqual([1_000, total - 1_000])
      if (executorId === 'c') await executor.drain()
      else if (end === 'closed') await executor.close({ grace: 0 })
      // For the store, its process is dead: its records are there to be adopted.
      else await backend.close({ executorId, now: Date.now() })
    }
    const { executor } = joined({ backend: open(), tasks: [task], id: 'reader' })
    expect(await executor.get(id)).toMatchObject({ status: 'succeeded', logsDropped: 4_100 })
    isOver.open()
  })

  it('begin at logs.store, and none stores none; events are another matter', async () => {
    const task = defineTask({
      name: 't',
      run: () => {
        for (const level of ['debug', 'info', 'warning', 'error'] as const)
          taskLog.log(level, level)
      },
    })
    const stored = async (store: 'debug' | 'warn' | 'none'): Promise<unknown> => {
      const { executor, only } = recorded({ backend: create()(), tasks: [task], logs: { store } })
      const handle = await executor.enqueue(task)
      await handle.result()
      expect(only('task.log').map((event) => event.level)).toEqual([
        'debug',
        'info',
        'warning',
        'error',
      ])
      return (await handle.record())?.logLines.map((line) => line.level)
    }
    expect(await stored('debug')).toEqual(['debug', 'info', 'warning', 'error'])
    expect(await stored('warn')).toEqual(['warning', 'error'])
    expect(await stored('none')).toEqual([])
  })

  it('hold whatever text there is', async () => {
    const texts = ['\u0000NUL', '\ud800 lone', '💥', '"quotes" \\ and \u2028', '']
    const task = defineTask({
      name: 't',
      run: () => {
        for (const text of texts) taskLog(text)
      },
    })
    const { executor } = recorded({ backend: create()(), tasks: [task] })
    const handle = await executor.enqueue(task)
    await handle.result()
    expect((await handle.record())?.logLines.map((line) => line.message)).toEqual(texts)
  })
})
