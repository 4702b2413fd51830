/**
 * An executor on Redis whose tasks and enqueues say what becomes of them. Takes the URL, and how long a body of `hold` lasts
 * in this process (`hold` is for two processes, one of which loses it).
 *
 * It says `ready ID`, and `began ID NAME`, `over ID NAME` for bodies, `aborted ID REASON` for a signal, `end ID STATUS` for an outcome,
 * `discarded ID REASON` for one that was refused. It answers `enqueue NAME MS` (`accepted ID NAME MS` or `refused CODE REASON MS
 * TEXT`, MS being how long the call took), `stats` (`stats {…}`) and `close` (`closed`, and it ends).
 */

import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createExecutor,
  defineTask,
  PlainsightError,
  setFallbackLogger,
  type TaskContext,
} from '../../../src/index.ts'
import { openStore } from '../open-store.ts'

const [url = '', holdMs = '0'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
setFallbackLogger({ error() {} })

interface Input {
  readonly ms: number
}

function body(name: string, length: (input: Input) => number) {
  return async (input: Input, { taskId, signal }: TaskContext): Promise<void> => {
    say(`began ${taskId} ${name}`)
    try {
      await sleep(length(input), undefined, { signal })
    } catch (error) {
      const { reason } = signal.reason as { readonly reason?: string }
      say(`aborted ${taskId} ${reason ?? String(signal.reason)}`)
      throw error
    }
    say(`over ${taskId} ${name}`)
  }
}

const tasks = {
  work: defineTask({ name: 'work', retries: 3, run: body('work', ({ ms }) => ms) }),
  hold: defineTask({ name: 'hold', retries: 3, run: body('hold', () => Number(holdMs)) }),
}
const executor = createExecutor({
  tasks: Object.values(tasks),
  backend: await openStore(url),
  observers: [],
  concurrency: 40,
  shieldGrace: 0,
})
for (const status of ['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'] as const) {
  executor.events.on(`task.${status}`, ({ taskId }) => say(`end ${taskId} ${status}`))
}
executor.events.on('attempt.discarded', ({ taskId, reason }) =>
  say(`discarded ${taskId} ${reason}`),
)

process.stdin.on('close', () => process.exit(3))
createInterface({ input: process.stdin }).on('line', (line) => {
  const [word, name = '', ms = '0'] = line.split(' ')
  if (word === 'enqueue') void enqueue(name as keyof typeof tasks, Number(ms))
  if (word === 'stats') say(`stats ${JSON.stringify(executor.stats())}`)
  if (word === 'close') void close()
})
await executor.start()
say(`ready ${executor.id}`)

async function enqueue(name: keyof typeof tasks, ms: number): Promise<void> {
  const startedAt = performance.now()
  const took = (): number => Math.round(performance.now() - startedAt)
  try {
    const { id } = await executor.enqueue(tasks[name], { ms })
    say(`accepted ${id} ${name} ${took()}`)
  } catch (error) {
    const { code, message } = error as PlainsightError
    const reason = error instanceof PlainsightError && 'reason' in error ? error.reason : '-'
    say(`refused ${code} ${String(reason)} ${took()} ${message}`)
  }
}

async function close(): Promise<void> {
  await executor.close({ grace: 0 })
  say('closed')
  process.exit(0)
}
