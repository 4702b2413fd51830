/** Runs what is in the store given as the first argument: a task that kills its process, and an innocent one. */

import { createExecutor, defineTask } from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'

const poison = defineTask({
  name: 'poison',
  retries: 5,
  run(): void {
    process.kill(process.pid, 'SIGKILL')
    // The signal arrives when it likes: nothing is written meanwhile.
    for (const until = Date.now() + 1_000; Date.now() < until;);
  },
})
const innocent = defineTask({ name: 'innocent', run: () => 'fine' })
const executor = createExecutor({
  tasks: [poison, innocent],
  backend: sqliteBackend(process.argv[2] ?? ''),
  observers: [],
  concurrency: 1,
})
await executor.start()
await executor.drain({ timeout: '20s' })
await executor.close()
