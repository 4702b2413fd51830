import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { newRecord, NOW, stateOf } from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const ME: Owner = { executorId: 'me', now: NOW }

let directory: string
let backend: Backend
let watcher: DatabaseSync

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-claim-'))
  const path = join(directory, 'tasks.db')
  backend = sqliteBackend(path)
  await backend.open(ME)
  watcher = new DatabaseSync(path)
})
afterEach(async () => {
  watcher.close()
  await backend.close(ME)
  rmSync(directory, { recursive: true, force: true })
})

describe('claims from a SQLite database', () => {
  test('a claim makes a bounded number of records due, and listeners hear that there are more', async () => {
    const state = stateOf({ status: 'scheduled', dueAt: NOW })
    await backend.insert(Array.from({ length: 3_500 }, () => ({ ...newRecord(), state })))
    const later = watcher.prepare('SELECT count(*) AS count FROM tasks WHERE held = 2')
    expect(later.get()).toEqual({ count: 3_500 })
    let heard = 0
    const stop = backend.onUnowned?.(() => heard++)
    const query = { names: ['another-task'], limit: 1, dueBefore: NOW }
    for (const left of [2_500, 1_500, 500]) {
      expect(await backend.claim(ME, query)).toEqual([])
      expect(later.get()).toEqual({ count: left })
    }
    await waitFor(() => heard === 3, { what: 'the third nudge' })
    await backend.claim(ME, query)
    expect(later.get()).toEqual({ count: 0 })
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    expect(heard).toBe(3)
    stop?.()
  })
})
