/** Opens each of some new files at the same instants as its siblings do. Arguments: the directory, how many, the first instant. */

import { join } from 'node:path'
import { sqliteBackend } from '../../../src/sqlite.ts'

const PACE_MS = 40
const [directory = '', count = '0', startsAt = '0'] = process.argv.slice(2)

for (let file = 0; file < Number(count); file++) {
  const backend = sqliteBackend(join(directory, `${file}.db`))
  const at = Number(startsAt) + file * PACE_MS
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now() - 3)))
  while (Date.now() < at);
  const owner = { executorId: `${process.pid}-${file}`, now: Date.now() }
  await backend.open(owner)
  await backend.close(owner)
}
process.stdout.write('opened\n')
