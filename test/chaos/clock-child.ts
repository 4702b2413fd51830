/**
 * `jumpRun` in a process whose wall clock is faked: takes the directory, the file that faketime reads the offset from,
 * the seed, the tasks, and `near` or `far`. Says `report {…}`.
 */

import { renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/executor/system-clock.ts'
import { setFallbackLogger } from '../../src/index.ts'
import { farOffsets, HOUR_AND_DAY, jumpRun } from './clock-jumps.ts'

const [directory = '', offsetFile = '', seed = '1', tasks = '100', range = 'near'] =
  process.argv.slice(2)
process.stdin.on('close', () => process.exit(3)).resume()
setFallbackLogger({ error() {} })

const before = Date.now()
setOffset(86_400)
const moved = Date.now() - before
setOffset(0)
const report = await jumpRun({
  path: join(directory, 'tasks.db'),
  clock: systemClock,
  jump: setOffset,
  offsets: range === 'near' ? HOUR_AND_DAY : farOffsets(),
  seed: Number(seed),
  tasks: Number(tasks),
  lagMs: 3_000,
  keepsRecords: range === 'near',
})
// Otherwise nothing was faked, and nothing is proved.
const breaches =
  moved > 86_000_000 ? report.breaches : [...report.breaches, 'the wall clock did not move']
writeSync(1, `report ${JSON.stringify({ ...report, breaches })}\n`)
process.exit(0)

/** Whole at any moment: it is read at each look at the clock. */
function setOffset(seconds: number): void {
  writeFileSync(`${offsetFile}.next`, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  renameSync(`${offsetFile}.next`, offsetFile)
}
