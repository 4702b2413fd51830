/** A process on a file system of 64 KiB: fills it, logs, makes room again. `node file-full.ts DIRECTORY` */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { fileObserver } from '../../../src/file.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const [directory = ''] = process.argv.slice(2)
const path = join(directory, 'tasks.log')
const log = sampleEvents().find((event) => event.type === 'task.log') as PlainsightEvent
const errors = new Set<string>()
const observer = fileObserver(path, { maxQueue: 50, maxBytes: Infinity })
observer.start({ report: (error) => errors.add((error as NodeJS.ErrnoException).code ?? '?') })
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

let seq = 0
const hand = async (count: number): Promise<void> => {
  for (let left = count; left > 0; left--) {
    seq += 1
    observer.onEvent({ ...log, seq })
    if (left % 10 === 0) await turn()
  }
}
const rounds = []
for (let round = 0; round < 3; round++) {
  await hand(5)
  const filler = join(directory, 'filler')
  try {
    writeFileSync(filler, Buffer.alloc(80_000))
  } catch {
    // Full now.
  }
  await hand(90)
  const away = observer.counts()
  rmSync(filler)
  await waitFor(() => observer.counts().queued === 0)
  rounds.push({ away, back: observer.counts() })
  // What was written makes room for the next round.
  if (round < 2) writeFileSync(path, '')
}
await observer.close()
const lines = readFileSync(path, 'utf8').split('\n')
process.stdout.write(
  `${JSON.stringify({ errors: [...errors], rounds, emitted: seq, last: lines.pop(), lines: lines.map((line) => (JSON.parse(line) as { seq: number }).seq) })}\n`,
)
