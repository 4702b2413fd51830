/** Two executors in one process: one with a task that runs for `bodyMs`, and one that has nothing to do. */

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../../src/index.ts'

const [bodyMs = '0', mode = ''] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const listeners = (): number => process.listenerCount('SIGTERM') - before

const body = defineTask({
  name: 'body',
  async run(_input: unknown, { signal }) {
    say('running')
    await sleep(Number(bodyMs), undefined, { signal })
  },
})
const create = (id: string, grace: `${number}ms`) =>
  createExecutor({
    id,
    tasks: [body],
    handleSignals: { grace },
    shieldGrace: 0,
    observers: [
      {
        onLifecycle(event) {
          say(`${event.type} ${id}`)
          if (mode === 'late' && id === 'idle' && event.type === 'executor.closed') {
            void create('late', '0ms').start()
          }
        },
      },
    ],
  })

if (mode === 'once') process.once('SIGTERM', () => say('other'))
const before = process.listenerCount('SIGTERM')
const idle = create('idle', '0ms')
const busy = create('busy', '5000ms')
await idle.start()
await busy.start()
say(`listeners ${listeners()}`)
if (mode === 'close both') {
  await idle.close()
  say(`then ${listeners()}`)
  await busy.close()
  say(`left ${listeners()}`)
} else {
  if (mode === 'close one') await idle.close()
  await busy.enqueue(body)
}
