/**
 * A caller with idempotency keys. Takes the store and what to do:
 *
 * - `storm KEYS CALLERS`: after `go`, enqueues each key from so many callers at once, in the order of all other processes;
 *   says `K key id` for what each key came to, and `breach …` when its callers heard of different tasks.
 * - `mismatch KEYS CALLERS`: the same, with one of two inputs per caller; says `K key id refused` with how many were refused.
 * - `crawl FROM`: one key after the other from number FROM on, until it is killed; says `K key id` after each.
 */

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  createExecutor,
  defineTask,
  IdempotencyMismatchError,
  setFallbackLogger,
} from '../../src/index.ts'
import { openStore } from './open-store.ts'

const [place = '', mode = '', first = '0', callers = '1'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const input = createInterface({ input: process.stdin })
process.stdin.on('close', () => process.exit(3))

setFallbackLogger({ error() {} })
const task = defineTask({
  name: 'task',
  // One that a kill cut off runs again: without, it would end interrupted, and free its key.
  retries: 1,
  run: ({ value }: { readonly value: string }) => value,
})
const executor = createExecutor({
  tasks: [task],
  backend: await openStore(place),
  observers: [],
  concurrency: 50,
})
await executor.start()
say('ready')

if (mode === 'crawl') await crawl()
else {
  await once(input, 'line')
  for (let key = 0; key < Number(first); key++) await storm(key)
  say('done')
}

async function storm(key: number): Promise<void> {
  const ids = new Set<string>()
  let refused = 0
  await Promise.all(
    Array.from({ length: Number(callers) }, async (_, caller) => {
      const value = mode === 'mismatch' ? `input ${(caller + process.pid) % 2}` : 'input'
      try {
        const handle = await executor.enqueue(task, { value }, { idempotencyKey: `key-${key}` })
        ids.add(handle.id)
      } catch (error) {
        if (!(error instanceof IdempotencyMismatchError)) throw error
        refused += 1
      }
    }),
  )
  if (ids.size > 1) say(`breach key-${key} came to ${[...ids].join(' and ')}`)
  for (const id of ids) say(`K key-${key} ${id} ${refused}`)
  if (ids.size === 0) say(`K key-${key} - ${refused}`)
}

async function crawl(): Promise<void> {
  for (let key = Number(first); ; key++) {
    const options = { idempotencyKey: `key-${key}` }
    const handle = await executor.enqueue(task, { value: 'input' }, options)
    say(`K key-${key} ${handle.id}`)
  }
}
