import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { defineTask, taskLog } from '../../../src/index.ts'
import type { LoopBlocker } from '../../../src/events/event.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { burn } from '../../support/burn.ts'
import { startChild } from '../../support/child.ts'
import { recorded } from '../../support/recorded.ts'

/** Each blocks in another place. */
const early = defineTask({
  name: 'early',
  run() {
    burn(400)
  },
})
const late = defineTask({
  name: 'late',
  async run() {
    await sleep(5)
    taskLog('now')
    burn(400)
  },
})
const inCallback = defineTask({
  name: 'in-callback',
  run: () =>
    new Promise<void>((resolve) => {
      setTimeout(() => {
        burn(400)
        resolve()
      }, 5)
    }),
})
const innocent = defineTask({
  name: 'innocent',
  async run(_: unknown, { signal }) {
    while (!signal.aborted) await sleep(5)
  },
})
const tasks = [early, late, inCallback, innocent]

const names = (by: readonly LoopBlocker[]): (string | undefined)[] =>
  by.map((each) => each.taskName ?? each.observer)

describe('executor.loop_blocked', () => {
  test('names a body that blocks before its first await, and how long it took', async () => {
    const { executor, only } = recorded({ tasks })
    const waiting = await executor.enqueue(innocent)
    const handle = await executor.enqueue(early)
    await handle.result()
    await waitFor(() => only('executor.loop_blocked').length > 0)
    const [event] = only('executor.loop_blocked')
    expect(event).toMatchObject({ level: 'warning', by: [{ taskId: handle.id, attempt: 0 }] })
    expect(names(event?.by ?? [])).toEqual(['early'])
    expect(event?.by[0]?.blockedMs).toBeGreaterThan(200)
    expect(event?.blockedMs).toBeGreaterThanOrEqual(event?.by[0]?.blockedMs ?? Infinity)
    expect(event?.running.map((each) => each.taskName)).toEqual(['innocent'])
    await waiting.cancel()
  })

  test('names a body that blocks after an await from the second time on, and never another', async () => {
    for (const task of [late, inCallback]) {
      const { executor, only } = recorded({ tasks })
      const waiting = await executor.enqueue(innocent)
      for (let count = 1; count <= 2; count++) {
        await (await executor.enqueue(task)).result()
        await waitFor(() => only('executor.loop_blocked').length === count)
        // Later than the second in which there is one report.
        await sleep(1_050)
      }
      const events = only('executor.loop_blocked')
      expect(events.map((event) => names(event.by))).toEqual([[], [task.name]])
      expect(events[1]?.by[0]?.blockedMs).toBeGreaterThan(200)
      await waiting.cancel()
      await executor.close()
    }
  })

  test('names an observer that blocks, and not the task it is called from', async () => {
    let isBad = false
    const slow = {
      name: 'slow',
      onLog() {
        if (isBad) burn(400)
      },
      onLifecycle() {},
    }
    const logs = defineTask({ name: 'logs', run: () => taskLog('line') })
    const { executor, only } = recorded({ tasks: [logs, innocent], observers: [slow] })
    const waiting = await executor.enqueue(innocent)
    isBad = true
    for (let count = 1; count <= 2; count++) {
      await (await executor.enqueue(logs)).result()
      await waitFor(() => only('executor.loop_blocked').length === count)
      await sleep(1_050)
    }
    expect(only('executor.loop_blocked').map((event) => names(event.by))).toEqual([[], ['slow']])
    await waiting.cancel()
  })

  test('accuses nobody of what the rest of the program does', async () => {
    const { executor, only } = recorded({ tasks })
    const waiting = await executor.enqueue(innocent)
    for (let count = 1; count <= 3; count++) {
      await sleep(20)
      burn(400)
      await waitFor(() => only('executor.loop_blocked').length === count)
      await sleep(1_050)
    }
    for (const event of only('executor.loop_blocked')) expect(event.by).toEqual([])
    await waiting.cancel()
  })

  test('is published at most once a second, with the worst', async () => {
    const { executor, only } = recorded({ tasks, concurrency: 1 })
    const begun = performance.now()
    for (let count = 0; count < 5; count++) await (await executor.enqueue(early)).result()
    await sleep(1_200)
    const events = only('executor.loop_blocked')
    expect(events.length).toBeGreaterThan(0)
    expect(events.length).toBeLessThanOrEqual(1 + Math.floor((performance.now() - begun) / 1_000))
    await executor.close()
  })

  test('is not published for a process that was stopped, or a wait without work', async () => {
    const child = startChild(join(import.meta.dirname, 'loop-blocked-program.ts'))
    await child.line('ready')
    await sleep(100)
    child.kill('SIGSTOP')
    await sleep(800)
    child.kill('SIGCONT')
    await child.line('spinning')
    child.kill('SIGSTOP')
    await sleep(800)
    child.kill('SIGCONT')
    expect(await child.line('blocks')).toBe('blocks []')
    expect((await child.ended).code).toBe(0)
  })
})
