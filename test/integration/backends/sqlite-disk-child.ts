/** Writes to a database: `close PATH` and `leave PATH` 10,000 tasks, `forever PATH DURABILITY` until it is killed. */

import { writeSync } from 'node:fs'
import type { Owner } from '../../../src/backends/backend.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { endOf, insertOne, newRecord } from '../../../src/testing/backend-cases/case.ts'

const [mode, path = '', durability = 'process'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const me: Owner = { executorId: `child-${process.pid}`, now: 1_000 }
const backend = sqliteBackend(path, { durability: durability as 'process' | 'power' })
let threads = 0
process.on('worker', () => (threads += 1))

await backend.open(me)
let stored = 0
let nextId = 0
while (mode === 'forever' || stored < 10_000) {
  await Promise.all(
    Array.from({ length: 500 }, async () => {
      const id = `${process.pid}-${++nextId}`
      const task = await insertOne(backend, newRecord(me, { id }))
      await backend.update([endOf(task)])
    }),
  )
  stored += 500
  if (mode === 'forever') say(`stored ${stored}`)
  if (stored === 5_000 && threads === 1) say('checkpointing')
}
say(`threads ${threads}`)
if (mode === 'close') await backend.close(me)
