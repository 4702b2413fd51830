/** One life of an executor with little room: every enqueue is accepted, or refused in our words, and all that was accepted ends. */

import { setImmediate as turn } from 'node:timers/promises'
import { createExecutor, defineTask, QueueFullError, type Executor } from '../../src/index.ts'
import type { Backend } from '../../src/backends/backend.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import type { Random } from '../support/random.ts'

export interface BoundsReport {
  readonly breaches: readonly string[]
  /** Tasks asked for. */
  readonly asked: number
  readonly accepted: number
  readonly refused: number
}

const CALLS = 120

export async function boundsLife(backend: Backend, random: Random): Promise<BoundsReport> {
  const breaches: string[] = []
  const maxQueued = 1 + random.below(20)
  let gates: (() => void)[] = []
  let isOpen = false
  const gated = defineTask({
    name: 'gated',
    run: () => (isOpen ? undefined : new Promise<void>((resolve) => void gates.push(resolve))),
  })
  const executor: Executor = createExecutor({
    tasks: [gated],
    backend,
    observers: [],
    concurrency: 1 + random.below(3),
    maxQueued,
    retention: { maxCount: Infinity },
  })
  await executor.start()
  const accepted = new Set<string>()
  let asked = 0
  let refused = 0
  let givenUp = 0
  let mostOver = 0

  async function ask(count: number, call: () => Promise<readonly { readonly id: string }[]>) {
    asked += count
    try {
      const handles = await call()
      if (handles.length !== count) breaches.push(`${handles.length} handles for ${count} tasks`)
      for (const { id } of handles) accepted.add(id)
    } catch (error) {
      if (error instanceof QueueFullError) refused += count
      else if (error === REASON) givenUp += count
      else breaches.push(`an enqueue was refused with ${String(error)}`)
    }
  }

  function oneCall(): Promise<void> {
    const luck = random()
    if (luck < 0.2) {
      const items = Array.from({ length: 1 + random.below(6) }, () => ({ task: gated }))
      return ask(items.length, () => executor.enqueueMany(items))
    }
    if (luck < 0.3) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(REASON), random.below(20))
      const options = { onFull: 'wait', signal: controller.signal } as const
      return ask(1, async () => [await executor.enqueue(gated, undefined, options)])
    }
    const options = luck < 0.4 ? { delay: random.below(5) } : {}
    return ask(1, async () => [await executor.enqueue(gated, undefined, options)])
  }

  const calls: Promise<void>[] = []
  for (let call = 0; call < CALLS; call++) {
    calls.push(oneCall())
    if (random() < 0.3) await turn()
    if (random() < 0.4) gates.shift()?.()
    const { queued, waiting, concurrency } = executor.stats()
    // Those whose start is being written have a slot already, and are `queued` until it is.
    mostOver = Math.max(mostOver, queued + waiting - maxQueued - concurrency)
  }
  if (mostOver > 0) breaches.push(`${mostOver} wait that are over the bound of ${maxQueued}`)
  await Promise.all(calls)
  isOpen = true
  for (const open of gates) open()
  gates = []
  await waitFor(() => isOver(executor), { timeout: '20s', what: 'the end of all tasks' })
  const counts = await executor.counts()
  const stored = Object.values(counts).reduce((sum, count) => sum + count, 0)
  if (stored !== accepted.size)
    breaches.push(`${stored} are stored, ${accepted.size} were accepted`)
  if (counts.succeeded !== accepted.size)
    breaches.push(`${counts.succeeded} of ${accepted.size} have succeeded`)
  if (accepted.size + refused + givenUp !== asked)
    breaches.push(`${asked} were asked for: ${accepted.size} accepted, ${refused} refused`)
  await executor.close()
  return { breaches, asked, accepted: accepted.size, refused }
}

async function isOver(executor: Executor): Promise<boolean> {
  const { scheduled, pending, running, retrying } = await executor.counts()
  return scheduled + pending + running + retrying === 0
}

/** What a caller gives up waiting with: its own, handed back as it is. */
const REASON = new Error('no longer wanted')
