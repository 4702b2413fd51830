/** Throws hostile values at every public entry: it may refuse, in our words, and nothing else may happen. */

import fc from 'fast-check'
import { setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  PlainsightError,
  type Executor,
  type Task,
} from '../../src/index.ts'
import type { Backend } from '../../src/backends/backend.ts'
import { isTerminal } from '../../src/task/status.ts'
import type { Make } from '../support/hostile-values.ts'

/** What an entry works on: one executor on memory, for a thousand calls. */
export interface World {
  readonly executor: Executor
  readonly backend: Backend
  readonly echo: Task
  readonly other: Task
  /** Ids that an enqueue has resolved with. */
  readonly accepted: Set<string>
  /** Of a task that has ended, and of one that waits for an hour. */
  readonly endedId: string
  readonly waitingId: string
}

export interface Entry {
  readonly name: string
  readonly values: readonly fc.Arbitrary<Make>[]
  /** True for what promises never to throw. */
  readonly neverThrows?: boolean
  call(world: World, ...values: readonly unknown[]): unknown
}

export interface HostileReport {
  readonly runs: number
  readonly refused: number
  readonly breaches: readonly string[]
}

const RUNS_PER_WORLD = 1_000
/** A call of ours that has not settled by then hangs. */
const CALL_LIMIT_MS = 10_000
const MAX_BREACHES = 5

export async function runHostile(entry: Entry, runs: number, seed: number): Promise<HostileReport> {
  const breaches: string[] = []
  let refused = 0
  const stop = watchProcess((text) => breaches.push(`${entry.name}: ${text}`))
  try {
    for (let done = 0; done < runs && breaches.length < MAX_BREACHES; done += RUNS_PER_WORLD) {
      const world = await createWorld()
      const here = Math.min(RUNS_PER_WORLD, runs - done)
      const samples = fc.sample(fc.tuple(...entry.values), { numRuns: here, seed: seed + done })
      for (const [index, makes] of samples.entries()) {
        const values = makes.map((make) => make())
        // Much here is over within microtasks: timers and immediates have their turn as well.
        if (index % 20 === 0) await turn()
        const where = `${entry.name}, seed ${seed + done}, value ${index}`
        try {
          await settled(entry.call(world, ...values))
        } catch (error) {
          refused += 1
          if (!isFair(entry, error, values)) {
            breaches.push(`${where}: ${describe(values)}\n  threw ${describe([error])}`)
            if (breaches.length >= MAX_BREACHES) break
          }
        }
      }
      for (const breach of await endWorld(world))
        breaches.push(`${entry.name}, seed ${seed + done}: ${breach}`)
    }
    // Rejections that nobody handles are told of after the microtasks.
    await turn()
  } finally {
    stop()
  }
  return { runs, refused, breaches: breaches.slice(0, MAX_BREACHES) }
}

async function createWorld(): Promise<World> {
  const backend = memoryBackend()
  const echo = defineTask({ name: 'echo', run: (value: unknown) => value })
  const other = defineTask({ name: 'other', retries: 1, run: () => 'done' })
  const executor = createExecutor({
    tasks: [echo, other],
    backend,
    retention: { maxCount: Infinity },
    // Every event has to be plain data, whatever went into it.
    observers: [
      { name: 'reader', minLevel: 'debug', onEvent: (event) => void JSON.stringify(event) },
    ],
  })
  await executor.start()
  await backend.open({ executorId: 'reader', now: Date.now() })
  const ended = await executor.enqueue(other)
  await ended.result()
  const waiting = await executor.enqueue(other, undefined, { delay: '1h' })
  const accepted = new Set([ended.id, waiting.id])
  return { executor, backend, echo, other, accepted, endedId: ended.id, waitingId: waiting.id }
}

/** A probe still runs, everything accepted ends, nothing else is stored, and closing is in time. */
async function endWorld({ executor, backend, other, accepted }: World): Promise<string[]> {
  const found: string[] = []
  executor.resume()
  executor.setConcurrency(10)
  const probe = await settled(executor.enqueue(other))
  accepted.add(probe.id)
  const result: unknown = await settled(probe.result())
  if (result !== 'done') found.push(`the probe's result was ${describe([result])}`)
  const faults = executor
    .stats()
    .observers.filter(({ name, failed }) => name === 'reader' && failed > 0)
  if (faults.length > 0) found.push('an event was no plain data')
  const startedAt = performance.now()
  await settled(executor.close({ grace: 200 }))
  const tookMs = performance.now() - startedAt
  if (tookMs > 4_000) found.push(`close took ${Math.round(tookMs)} ms`)
  for (const id of accepted) {
    const record = await backend.get(id)
    if (record === undefined) found.push(`${id} was accepted and is lost`)
    else if (!isTerminal(record.state.status))
      found.push(`${id} is ${record.state.status} after close`)
  }
  const counts = Object.values((await backend.queries?.countByStatus()) ?? {})
  const stored = counts.reduce((sum, count) => sum + count, 0)
  if (stored !== accepted.size)
    found.push(`${stored} records are stored, ${accepted.size} were accepted`)
  return found
}

/** Waits for an answer of ours, not for a thenable that it may have carried through. */
async function settled<T>(answer: T | Promise<T>): Promise<T> {
  if (!(answer instanceof Promise)) return answer
  let deadline: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    deadline = setTimeout(
      () => reject(new Error(`still pending after ${CALL_LIMIT_MS} ms`)),
      CALL_LIMIT_MS,
    )
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(deadline)
  }
}

function isFair(entry: Entry, error: unknown, values: readonly unknown[]): boolean {
  if (isOwnReason(error, values)) return true
  try {
    return error instanceof PlainsightError && entry.neverThrows !== true
  } catch {
    return false
  }
}

/** What a caller's own signal carries comes back as it is. */
function isOwnReason(error: unknown, values: readonly unknown[]): boolean {
  return values.some((value) => {
    try {
      const { signal } = value as { signal?: unknown }
      return signal instanceof AbortSignal && signal.aborted && signal.reason === error
    } catch {
      return false
    }
  })
}

function watchProcess(tell: (text: string) => void): () => void {
  const onWarning = (warning: Error): void =>
    tell(`process warning ${warning.name}: ${warning.message}`)
  const onRejection = (reason: unknown): void => tell(`unhandled rejection: ${describe([reason])}`)
  process.on('warning', onWarning)
  process.on('unhandledRejection', onRejection)
  return () => {
    process.off('warning', onWarning)
    process.off('unhandledRejection', onRejection)
  }
}

function describe(values: readonly unknown[]): string {
  const texts = values.map((value) => {
    try {
      return inspect(value, {
        depth: 2,
        maxStringLength: 200,
        maxArrayLength: 10,
        breakLength: 200,
      })
    } catch {
      return 'a value that cannot be shown'
    }
  })
  return texts.join(', ').slice(0, 1_200)
}
