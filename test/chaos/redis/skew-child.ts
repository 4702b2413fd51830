/**
 * A worker with a wall clock of its own: `URL COUNT SEED`. It enqueues so many tasks that are due later, and three that never end.
 * It says `due ID AT` for each of the former, `began ID AT` for its body, whoever enqueued it, and `ran ID` for one of the latter; AT
 * is milliseconds of the machine's monotonic clock, which all processes share.
 */

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask, setFallbackLogger } from '../../../src/index.ts'
import { seededRandom } from '../../support/random.ts'
import { openStore } from '../open-store.ts'

const ENDLESS = 3
const MAX_DELAY_MS = 12_000

const [place = '', count = '0', seed = '1'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const nowMs = (): number => Number(process.hrtime.bigint() / 1_000_000n)
process.stdin.on('close', () => process.exit(3)).resume()
setFallbackLogger({ error() {} })

const late = defineTask({
  name: 'late',
  retries: 3,
  run: (_input: undefined, { taskId }) => say(`began ${taskId} ${nowMs()}`),
})
const endless = defineTask({
  name: 'endless',
  retries: 3,
  async run(_input: undefined, { taskId, signal }) {
    say(`ran ${taskId}`)
    await sleep(600_000, undefined, { signal })
  },
})
const random = seededRandom(Number(seed))
const executor = createExecutor({
  tasks: [late, endless],
  backend: await openStore(place),
  observers: [],
})
await executor.start()
for (let index = 0; index < ENDLESS; index++) await executor.enqueue(endless)
for (let index = 0; index < Number(count); index++) {
  const delay = random.below(MAX_DELAY_MS)
  const askedAt = nowMs()
  const { id } = await executor.enqueue(late, undefined, { delay })
  say(`due ${id} ${askedAt + delay}`)
}
say(`clock ${Date.now()}`)
say('produced')
