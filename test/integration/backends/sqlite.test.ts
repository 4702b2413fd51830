import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend } from '../../../src/backends/backend.ts'
import { lockPath } from '../../../src/backends/sqlite/owner-lock.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { backendCases, type BackendSetup } from '../../../src/testing/backend-cases.ts'
import { faultyBackend, seededFaults, type FaultPlan } from '../../../src/testing/faulty-backend.ts'
import { repeatingBackend } from '../../../src/testing/repeating-backend.ts'
import { everySecond } from '../../unit/backends/fault-plan.ts'

let directory: string
let files = 0

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-sqlite-'))
})
afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** A setup over a new file, each backend object of it wrapped. */
function setup(wrap: (backend: Backend) => Backend): BackendSetup {
  const path = join(directory, `case-${++files}.db`)
  return {
    backend: wrap(sqliteBackend(path)),
    reopen: () => wrap(sqliteBackend(path)),
    loseLease: (executorId) => takeLease(path, executorId),
  }
}

/** Without a lock file, whoever has not sent a beat for long is dead to another process. */
async function takeLease(path: string, executorId: string): Promise<void> {
  const other = sqliteBackend(path)
  const owner = { executorId: 'undertaker', now: 0 }
  await other.open(owner)
  rmSync(lockPath(path, executorId))
  expect(await other.deadOwners(owner, Infinity)).toEqual([executorId])
  await other.adopt(owner, executorId, ['send-mail'], 1_000)
  await other.close(owner)
}

describe('sqliteBackend', () => {
  test.each(backendCases)('$name', (each) => each.run(setup((backend) => backend)))
})

describe('sqliteBackend behind faults, with a caller that repeats', () => {
  const behind = (plan: FaultPlan) => (backend: Backend) =>
    repeatingBackend(faultyBackend(backend, plan))

  describe.each(['failBefore', 'failAfter', { slowMs: 1 }] as const)('%j', (fault) => {
    test.each(backendCases)('$name', (each) => each.run(setup(behind(everySecond(fault)))))
  })

  test.each(backendCases)('seeded: $name', (each) =>
    each.run(setup(behind(seededFaults(20_261_121, { failBefore: 0.3, slow: 0.1 })))),
  )
})
