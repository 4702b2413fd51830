/**
 * A worker for poisonous tasks. Takes the directory and the concurrency. It says `beat` while its event loop turns, and `done` when nothing in
 * the store is live any more.
 */

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask, setFallbackLogger } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'

const [directory = '', concurrency = '1'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const exit = process.exit.bind(process)
process.stdin.on('close', () => exit(3)).resume()
setInterval(() => say('beat'), 200).unref()

const forever = (): never => {
  for (;;);
}
const overflow = (depth: number): number => overflow(depth + 1) + 1
const poisons = {
  /** The signal arrives when it likes: nothing is written meanwhile. */
  kill: () => {
    process.kill(process.pid, 'SIGKILL')
    forever()
  },
  exit: () => exit(0),
  abort: () => process.abort(),
  memory: () => {
    const kept: number[][] = []
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => index))
  },
  loop: forever,
  stack: () => overflow(0),
}
const tasks = Object.entries(poisons).map(([name, run]) =>
  defineTask({
    name,
    retries: 5,
    backoff: { delay: 1, jitter: 'none' },
    run: (): unknown => {
      say(`ran ${name}`)
      return run()
    },
  }),
)
const neighbour = defineTask({
  name: 'neighbour',
  retries: 3,
  async run({ workMs }: { readonly workMs: number }) {
    await sleep(workMs)
    return 'fine'
  },
})

setFallbackLogger({ error() {} })
const executor = createExecutor({
  tasks: [...tasks, neighbour],
  backend: sqliteBackend(join(directory, 'tasks.db')),
  observers: [],
  concurrency: Number(concurrency),
})
await executor.start()
for (;;) {
  const { scheduled, pending, running, retrying } = await executor.counts()
  if (scheduled + pending + running + retrying === 0) break
  await sleep(50)
}
say('done')
await sleep(600_000)
