import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Backend } from '../../../src/backends/backend.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { backendCases } from '../../../src/testing/backend-cases.ts'
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
function setup(wrap: (backend: Backend) => Backend): { backend: Backend; reopen: () => Backend } {
  const path = join(directory, `case-${++files}.db`)
  return { backend: wrap(sqliteBackend(path)), reopen: () => wrap(sqliteBackend(path)) }
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
