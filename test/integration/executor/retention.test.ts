import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import {
  createExecutor,
  defineTask,
  type Executor,
  type ExecutorOptions,
} from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const ok = defineTask({ name: 'ok', run: () => {} })
const fails = defineTask({
  name: 'fails',
  run() {
    throw new Error('no')
  },
})

it('an executor that finds thousands too many on SQLite catches up by status while its tasks run', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const open = (options: ExecutorOptions): Executor => {
    const executor = createExecutor({
      tasks: [ok, fails],
      observers: [],
      concurrency: 100,
      backend: sqliteBackend(join(directory, 'tasks.db')),
      ...options,
    })
    onTestFinished(() => executor.close())
    return executor
  }
  const keeping = open({ retention: { maxCount: Infinity } })
  for (let round = 0; round < 10; round++) {
    await keeping.enqueueMany(
      Array.from({ length: 500 }, (_each, index) => ({ task: index % 10 === 0 ? fails : ok })),
    )
    await keeping.drain({ timeout: '30s' })
  }
  expect(await keeping.counts()).toMatchObject({ succeeded: 4_500, failed: 500 })
  await keeping.close()

  const executor = open({ retention: { maxCount: 50, byStatus: { failed: { maxCount: 300 } } } })
  await executor.start()
  let ran = 0
  await waitFor(
    async () => {
      await (await executor.enqueue(ok)).result({ timeout: '10s' })
      ran += 1
      const { succeeded, failed } = await executor.counts()
      // What has ended since waits for the next sweep.
      return succeeded < 400 && failed === 300
    },
    { timeout: '30s' },
  )
  expect(ran).toBeGreaterThan(5)
}, 90_000)
