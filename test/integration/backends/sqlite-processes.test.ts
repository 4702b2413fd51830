import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, NewRecord, Owner } from '../../../src/backends/backend.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import {
  endOf,
  insertOne,
  newRecord,
  NOW,
  patchOf,
  stateOf,
} from '../../../src/testing/backend-cases/case.ts'
import type { StoredRecord } from '../../../src/task/record.ts'
import { startChild, type Child } from '../../support/child.ts'

const ME: Owner = { executorId: 'me', now: NOW }
const PROGRAM = join(import.meta.dirname, 'store-process-child.ts')

let directory: string
let path: string
let backend: Backend
let children: Child[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-processes-'))
  path = join(directory, 'tasks.db')
  backend = sqliteBackend(path)
  await backend.open(ME)
})
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL')
    await child.ended
  }
  children = []
  await backend.close(ME)
  rmSync(directory, { recursive: true, force: true })
})

function start(role: string, executorId: string, argument = ''): Child {
  const child = startChild(PROGRAM, [role, path, executorId, argument])
  children.push(child)
  return child
}

describe('processes that share a SQLite database', () => {
  test('20,000 records, some of them due later, are each claimed by one of 8 processes', async () => {
    const count = 20_000
    const recordOf = (index: number): NewRecord => {
      const spec = { id: `r-${index}`, queue: `q-${index % 3}`, priority: index % 7 }
      const dueAt = NOW + (index % 1_000)
      if (index % 2 === 0) return newRecord(null, spec)
      return { ...newRecord(null, spec), state: stateOf({ status: 'scheduled', dueAt }) }
    }
    for (let index = 0; index < count; index += 2_000) {
      await backend.insert(Array.from({ length: 2_000 }, (_, each) => recordOf(index + each)))
    }
    const claimers = Array.from({ length: 8 }, (_, each) => start('claim', `claimer-${each}`, '40'))
    await Promise.all(claimers.map((child) => child.line('closed')))
    const claims = claimers.map(({ lines }) =>
      lines
        .filter((line) => line.startsWith('claimed '))
        .flatMap((line) => line.split(' ').slice(1)),
    )
    const all = claims.flat()
    expect(all).toHaveLength(count)
    expect(new Set(all).size).toBe(count)
    expect(claims.filter((ids) => ids.length > 0).length).toBeGreaterThan(1)
  }, 120_000)

  test('of a cancel and a start in two processes, the second to come knows of the first: 500 rounds', async () => {
    const canceller = start('cancel', 'canceller')
    await canceller.line('open')
    const seen = new Map<string, number>()
    // How long the cancel gets before the start follows it: adapted, so that neither always wins.
    let leadMs = 1
    for (let round = 0; round < 500; round++) {
      const id = `race-${round}`
      const isOwned = round % 2 === 0
      const state = stateOf({ owner: isOwned ? ME.executorId : null })
      const inserted = await insertOne(backend, { ...newRecord(null, { id }), state })
      canceller.write(id)
      await sleep(leadMs)
      const isCancelled = canceller.lines.some((line) => line.startsWith(`${id} `))
      const record = isOwned ? inserted : await claimed()
      const answer = record === undefined ? 'not claimed' : await started(record)
      if (isCancelled) expect(answer).not.toBe('ok')
      leadMs = Math.max(0, leadMs + (answer === 'ok' ? 1 : -1))
      const cancel = (await canceller.line(`${id} `)).split(' ')[1]
      const outcome = `${answer}, ${String(cancel)}`
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
      const stored = await backend.get(id)
      const { cancels } = (await backend.beat(ME)) as { cancels: readonly { id: string }[] }
      const isTold = cancels.some((each) => each.id === id)
      if (answer === 'ok') {
        expect([cancel, stored?.state.status, isTold]).toEqual(['requested', 'running', true])
      } else if (answer === 'cancelled') {
        expect([cancel, stored?.state.status, isTold]).toEqual(['requested', 'pending', true])
      } else {
        expect([cancel, stored?.state.status, isTold]).toEqual(['claimed', 'cancelled', false])
      }
      if (stored?.state.owner === ME.executorId) {
        expect(await backend.update([endOf(stored, 'cancelled')])).toEqual(['ok'])
      }
    }
    // Otherwise this was no race.
    expect([...seen.keys()].toSorted()).toEqual([
      'cancelled, requested',
      'not claimed, claimed',
      'ok, requested',
    ])
  }, 120_000)
})

async function claimed(): Promise<StoredRecord | undefined> {
  const query = { names: ['send-mail'], limit: 1, dueBefore: NOW }
  const [record] = await backend.claim(ME, query)
  return record
}

async function started(record: StoredRecord): Promise<string> {
  const fence = record.state.fence + 1
  const start = patchOf(record, { status: 'running', fence, starts: 1, startedAt: NOW })
  const [answer] = await backend.update([{ ...start, unlessCancelled: true }])
  return String(answer)
}
