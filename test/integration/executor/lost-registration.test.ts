import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createExecutor, defineTask, type Executor } from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { gate, recorded } from '../../support/recorded.ts'

/** Two executors on one file; the second takes the first for dead, as it may where lock files do not work. */
async function takenForDead(first: Executor, path: string): Promise<void> {
  const directory = join(path, '..')
  for (const name of readdirSync(directory)) {
    if (name.endsWith('.lock')) rmSync(join(directory, name))
  }
  const backend = sqliteBackend(path)
  const owner = { executorId: 'heir', now: Date.now() }
  await backend.open(owner)
  const dead = await backend.deadOwners(owner, Date.now() + 60_000)
  expect(dead).toEqual([first.id])
  await backend.adopt(owner, first.id, ['task', 'hold'], 100)
  await backend.close(owner)
}

test('an executor that was taken for dead registers anew when it enqueues, and nothing it accepts is lost', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'tasks.db')
  const opened = gate()
  let reason: unknown
  const hold = defineTask({
    name: 'hold',
    async run(_: undefined, { signal }) {
      signal.addEventListener('abort', () => {
        reason = signal.reason
        opened.open()
      })
      await opened.promise
    },
  })
  const task = defineTask({ name: 'task', run: ({ n }: { n: number }) => n })
  const { executor, types } = recorded({ tasks: [task, hold], backend: sqliteBackend(path) })
  const held = await executor.enqueue(hold)
  await held.started
  await takenForDead(executor, path)
  const handles = await Promise.all([1, 2, 3].map((n) => executor.enqueue(task, { n })))
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([1, 2, 3])
  expect(reason).toMatchObject({ code: 'TASK_INTERRUPTED', reason: 'lease_lost' })
  for (const { id } of handles) {
    expect(types(id).filter((type) => type !== 'attempt.summary')).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.succeeded',
    ])
  }
  const again = createExecutor({ work: false, backend: sqliteBackend(path), observers: [] })
  onTestFinished(() => again.close())
  await again.start()
  expect(await again.counts()).toMatchObject({ succeeded: 3 })
})
