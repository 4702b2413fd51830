import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createExecutor } from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'

it('a task that kills its process is stopped after three recoveries, and its neighbours finish', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'tasks.db')
  const web = createExecutor({ work: false, backend: sqliteBackend(path), observers: [] })
  onTestFinished(() => web.close())
  const poison = await web.enqueue('poison', undefined, { retries: 5, priority: 1 })
  const innocent = await web.enqueue('innocent')
  const program = join(import.meta.dirname, 'poison-program.ts')
  const ends: (string | number | null)[] = []
  for (let round = 0; round < 8; round++) {
    const { status, signal } = spawnSync(process.execPath, [program, path], { stdio: 'inherit' })
    ends.push(signal ?? status)
    if (status === 0) break
  }
  expect(ends).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL', 0])
  const record = await poison.record()
  expect(record).toMatchObject({
    status: 'failed',
    reason: 'crash_loop',
    recoveries: 3,
    attempt: 3,
  })
  expect(record?.attempts.slice(0, 3)).toMatchObject([
    { attempt: 0, outcome: 'interrupted', reason: 'crash' },
    { attempt: 1, outcome: 'interrupted', reason: 'crash' },
    { attempt: 2, outcome: 'interrupted', reason: 'crash' },
  ])
  expect((await innocent.record())?.status).toBe('succeeded')
}, 60_000)
