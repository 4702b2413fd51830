/** A program that is sent signals: `handlers` other handlers, and tasks that run for `bodyMs`. */

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../../src/index.ts'

const [handlers = '0', bodyMs = '0', handleSignals = 'true'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)

for (let index = 0; index < Number(handlers); index++) {
  process.on('SIGTERM', () => {
    say(`other ${index}`)
    if (index === 0) setTimeout(() => process.exit(42), 1_000).unref()
  })
}
const body = defineTask({
  name: 'body',
  async run(_input: unknown, { signal }) {
    say('running')
    await sleep(Number(bodyMs), undefined, { signal })
  },
})
const executor = createExecutor({
  tasks: [body],
  ...(handleSignals === 'true' ? { handleSignals: { grace: '300ms' } } : {}),
  shieldGrace: 0,
  observers: [{ onLifecycle: (event) => say('taskId' in event ? `${event.type}` : event.type) }],
})
const before = process.listenerCount('SIGINT')
await executor.start()
say(`listeners ${process.listenerCount('SIGINT') - before}`)
await executor.enqueue(body)
if (bodyMs === '0') {
  await executor.close()
  say(`left ${process.listenerCount('SIGINT') - before}`)
}
