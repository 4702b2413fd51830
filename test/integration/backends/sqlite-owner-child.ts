/** A process that owns a record: opens the database, inserts a running record, says so, and stays. */

import { sqliteBackend } from '../../../src/sqlite.ts'
import { newRecord } from '../../../src/testing/backend-cases/case.ts'

const [path = '', executorId = ''] = process.argv.slice(2)
const backend = sqliteBackend(path)
const owner = { executorId, now: 0 }
await backend.open(owner)
await backend.insert([newRecord(owner, { id: `of-${executorId}` })])
process.stdout.write('ready\n')
setInterval(() => {}, 60_000)
