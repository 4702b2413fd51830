/** The three lives of a store under faults: one that died, one over the failing store, one that finishes the rest. */

import { createExecutor, PlainsightError } from '../../src/index.ts'
import type { Backend } from '../../src/backends/backend.ts'
import { BackendUnavailableError } from '../../src/task/errors.ts'
import { isTerminal } from '../../src/task/status.ts'
import { transition } from '../../src/task/transition.ts'
import { faultyBackend, type FaultPlan } from '../../src/testing/faulty-backend.ts'
import type { ManualClock } from '../../src/testing/manual-clock.ts'
import type { Random } from '../support/random.ts'
import type { Witness } from './witness.ts'
import { KINDS, witnessedTasks, type Kind, type WitnessedTasks } from './witnessed-tasks.ts'

const GRACE_MS = 1_000
/** As promised: max(grace, shieldGrace) + 3 s. */
const CLOSE_LIMIT_MS = GRACE_MS + 3_000
/** Of the manual clock: far longer than all deadlines and backoffs of a run together. */
const LIMIT_MS = 1_800_000
const ENQUEUES = 14

/** Leaves work behind: some that nobody has, some that waited with a dead owner, some that was running with it. */
export async function earlierLife(
  backend: Backend,
  clock: ManualClock,
  witness: Witness,
): Promise<void> {
  const tasks = witnessedTasks(witness, clock)
  const executor = createExecutor({ backend, observers: [], clock, work: false, id: 'web' })
  const owner = { executorId: 'dead', now: clock.now() }
  await pump(clock, 'the earlier life', witness, async () => {
    for (const kind of [
      'plain',
      'once',
      'plain',
      'once',
      'flaky',
      'plain',
      'parent',
      'once',
    ] as const) {
      const handle = await executor.enqueue(tasks[kind], { failures: 0 })
      witness.accept(handle.id, kind)
    }
    await backend.open(owner)
    const names = Object.keys(tasks)
    const records = await backend.claim(owner, { names, limit: 4, dueBefore: owner.now })
    const running = records.slice(0, 2).map(({ spec, state, position }) => ({
      id: spec.id,
      position,
      name: spec.name,
      owner: owner.executorId,
      fence: state.fence,
      state: transition(spec, state, { type: 'start' }, clock.now()),
      freesKey: false,
    }))
    await backend.update(running)
    await backend.close(owner)
    await executor.close()
  })
}

/** Enqueues, cancels, reads and retries over the failing store; closes in the middle of it, or when all is done. */
export async function firstLife(
  inner: Backend,
  plan: FaultPlan,
  clock: ManualClock,
  random: Random,
  witness: Witness,
): Promise<void> {
  const tasks = witnessedTasks(witness, clock)
  const executor = createExecutor({
    tasks: Object.values(tasks),
    backend: faultyBackend(inner, plan),
    observers: [witness.observer],
    clock,
    random,
    concurrency: 4,
    shieldGrace: GRACE_MS,
    id: 'first',
    logs: { maxLines: 20 },
  })
  const attempt = async <T>(what: string, call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof PlainsightError))
        witness.breach(`${what} rejected with ${String(error)}`)
      return undefined
    }
  }
  await pump(clock, 'start', witness, async () => {
    for (let tries = 0; tries < 50 && !(await startedOnce(executor.start())); tries++);
  })
  await pump(clock, 'enqueues', witness, async () => {
    const calls: Promise<unknown>[] = []
    for (let count = 0; count < ENQUEUES; count++) {
      const kind = random.pick(KINDS)
      const key = `key-${random.below(3)}`
      calls.push(enqueueUntilAccepted(executor, tasks, kind, key, witness))
      if (random() < 0.3) await pause(clock, random.below(500))
    }
    const items = ['plain', 'once', 'plain'].map((kind) => ({
      task: tasks[kind as Kind],
      input: { failures: 0 },
    }))
    calls.push(
      attempt('enqueueMany', async () => {
        for (const { id } of await executor.enqueueMany(items)) witness.accept(id, 'plain')
      }),
    )
    calls.push(attempt('list', () => executor.list({ limit: 10, logs: true })))
    calls.push(attempt('counts', () => executor.counts()))
    await Promise.all(calls)
    for (const id of [...witness.accepted.keys()].slice(0, 4)) {
      await attempt('get', () => executor.get(id))
      if (random() < 0.5) await attempt('cancel', () => executor.cancel(id, { reason: 'chaos' }))
    }
  })
  if (random() < 0.5) {
    await pump(clock, 'drain', witness, () => executor.drain())
    await pump(clock, 'finishing everything', witness, async () => {
      while (await hasLive(inner)) await pause(clock, 500)
    })
    if (random() < 0.5) await clock.advance(40_000)
    await pump(clock, 'retryFailed', witness, async () => {
      const handles = await attempt('retryFailed', () => executor.retryFailed({ limit: 2 }))
      for (const { id } of handles ?? []) witness.accept(id, 'retry')
    })
  } else {
    await clock.advance(random.below(2_000))
  }
  const closingAt = clock.now()
  await pump(clock, 'close', witness, () => executor.close({ grace: GRACE_MS }))
  const took = clock.now() - closingAt
  if (took > CLOSE_LIMIT_MS) witness.breach(`close took ${took} ms`)
  for (const each of executor.stats().observers) {
    const { name, emitted, delivered, dropped, failed, queued } = each
    if (emitted !== delivered + dropped + failed + queued)
      witness.breach(`the counts of ${name} do not add up: ${JSON.stringify(each)}`)
  }
  // The process ends: its lock is free, whatever became of the call.
  await inner.close({ executorId: 'first', now: clock.now() })
}

/** Finishes what the first one left, on the same store, which is well now. */
export async function secondLife(
  backend: Backend,
  clock: ManualClock,
  witness: Witness,
): Promise<void> {
  const tasks = witnessedTasks(witness, clock)
  const executor = createExecutor({
    tasks: Object.values(tasks),
    backend,
    observers: [witness.observer],
    clock,
    shieldGrace: GRACE_MS,
    id: 'second',
  })
  await pump(clock, 'the second life', witness, async () => {
    await executor.start()
    while (await hasLive(backend)) await pause(clock, 500)
    for (const [id, kind] of witness.accepted) {
      const record = await executor.get(id)
      if (record === undefined) witness.breach(`${id} (${kind}) was accepted and is lost`)
      else if (!isTerminal(record.status)) witness.breach(`${id} (${kind}) is ${record.status}`)
    }
    let cursor: string | undefined
    do {
      const page = await executor.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
      witness.judge(page.records)
      cursor = page.cursor
    } while (cursor !== undefined)
  })
  await pump(clock, 'the second close', witness, () => executor.close({ grace: GRACE_MS }))
}

async function hasLive({ queries }: Backend): Promise<boolean> {
  const counts = await queries?.countByStatus()
  if (counts === undefined) return false
  return counts.scheduled + counts.pending + counts.running + counts.retrying > 0
}

async function startedOnce(started: Promise<void>): Promise<boolean> {
  try {
    await started
    return true
  } catch (error) {
    if (error instanceof BackendUnavailableError) return false
    throw error
  }
}

/** As a careful caller does: with a key, and again when the store was away. Without one, a failure is left alone. */
async function enqueueUntilAccepted(
  executor: ReturnType<typeof createExecutor>,
  tasks: WitnessedTasks,
  kind: Kind,
  key: string,
  witness: Witness,
): Promise<void> {
  const options =
    kind === 'keyed' ? { idempotencyKey: key } : kind === 'late' ? { delay: '3s' as const } : {}
  for (let tries = 0; tries < 30; tries++) {
    try {
      const failures = kind === 'flaky' ? 2 : kind === 'broken' ? 9 : 0
      const handle = await executor.enqueue(tasks[kind], { failures }, options)
      witness.accept(handle.id, kind)
      // Nobody waits for it: it must not reject into the void all the same.
      handle.result().catch(() => {})
      return
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) {
        witness.breach(`enqueue of ${kind} rejected with ${String(error)}`)
        return
      }
      if (kind !== 'keyed') return
    }
  }
  witness.breach(`${key} was never accepted`)
}

function pause(clock: ManualClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms))
}

/** Moves time until `work` has settled. */
async function pump(
  clock: ManualClock,
  what: string,
  witness: Witness,
  work: () => Promise<unknown>,
): Promise<void> {
  let isOver = false
  const failed = work().then(
    () => void (isOver = true),
    (error: unknown) => {
      isOver = true
      witness.breach(
        `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
    },
  )
  const until = clock.now() + LIMIT_MS
  while (!isOver) {
    if (clock.now() > until) {
      witness.breach(`${what} did not end within half an hour`)
      return
    }
    await clock.advance(50)
  }
  await failed
}
