import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createExecutor, defineTask, memoryObserver, type Executor } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { PlainsightError } from '../../src/task/errors.ts'
import { isTerminal } from '../../src/task/status.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { seededRandom, type Random } from '../support/random.ts'

const ROUNDS = 60
const NEIGHBOURS = 6
const COLUMNS = ['spec', 'state', 'tags'] as const

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-corrupt-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const echo = defineTask({ name: 'echo', run: (value: { readonly n: number }) => value.n })

/** What a disk, an editor or an old version can leave in a text. */
function damage(text: string, random: Random): string | Uint8Array | number | null {
  const at = random.below(text.length)
  const bytes = Buffer.from(text)
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return `${text.slice(0, at)}${String.fromCharCode(random.below(128))}${text.slice(at + 1)}`
    case 2:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
      return bytes.toString('latin1')
    case 3:
      return random.pick(['', 'null', '[]', '{}', '5', '"text"', '[1,2', '{"a":'])
    case 4:
      return bytes
    case 5:
      return random.below(1_000)
    default:
      return text + text
  }
}

test(`a damaged record ends clearly, and ${NEIGHBOURS} neighbours run, in ${ROUNDS} rounds`, async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? 1)
  const random = seededRandom(seed)
  for (let round = 0; round < ROUNDS; round++) {
    const path = join(directory, `${round}.db`)
    const where = `seed ${seed}, round ${round}`
    const web = createExecutor({ tasks: [echo], backend: sqliteBackend(path), work: false })
    const ids: string[] = []
    for (let n = 0; n <= NEIGHBOURS; n++) {
      ids.push((await web.enqueue(echo, { n }, { tags: { n: String(n) } })).id)
    }
    await web.close()
    const victim = random.pick(ids)
    const what = damageOne(path, victim, random)

    const memory = memoryObserver()
    const executor = createExecutor({
      tasks: [echo],
      backend: sqliteBackend(path),
      observers: [memory],
    })
    try {
      await executor.start()
      for (const id of ids) {
        if (id !== victim) await memory.waitFor({ type: 'task.succeeded', taskId: id })
      }
      await expectClearEnd(executor, victim, `${where}: ${what}`)
    } finally {
      await executor.close({ grace: 0 })
    }
  }
})

/** Damages one text of one record; answers what was done. */
function damageOne(path: string, id: string, random: Random): string {
  const database = new DatabaseSync(path)
  try {
    const row = database.prepare('SELECT * FROM tasks WHERE id = ?').get(id) as Record<
      string,
      unknown
    >
    const present = COLUMNS.filter(
      (column) => typeof row[column] === 'string' && row[column] !== '',
    )
    const column = random.pick(present)
    const damaged = damage(row[column] as string, random)
    database.prepare(`UPDATE tasks SET ${column} = ? WHERE id = ?`).run(damaged, id)
    return `${column} ${String(row[column])} became ${String(damaged)}`
  } finally {
    database.close()
  }
}

/** It ran after all (the damage hit what does not matter), it failed, or asking for it says in our words why not. */
async function expectClearEnd(executor: Executor, id: string, where: string): Promise<void> {
  const outcome = await waitFor(() => outcomeOf(executor, id), { what: where })
  expect(['succeeded', 'failed', 'refused', 'missing']).toContain(outcome)
}

async function outcomeOf(executor: Executor, id: string): Promise<string | undefined> {
  try {
    const record = await executor.get(id)
    if (record === undefined) return 'missing'
    return isTerminal(record.status) ? record.status : undefined
  } catch (error) {
    return error instanceof PlainsightError ? 'refused' : String(error)
  }
}
