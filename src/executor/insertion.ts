/** Puts records into the store and their tasks to work: repeated when the store is silent, given back when it refuses. */

import type { InsertEachResult, InsertResult, NewRecord } from '../backends/backend.ts'
import * as lifecycle from '../events/lifecycle.ts'
import type { TaskHandle } from '../task/enqueue-options.ts'
import {
  BackendUnavailableError,
  DuplicateTaskError,
  ExecutorClosedError,
  IdempotencyMismatchError,
} from '../task/errors.ts'
import type { TaskSpec } from '../task/record.ts'
import { CARRIER_LIMITS, stringMap } from '../task/tags.ts'
import type { Attempts } from './attempt.ts'
import { startedState } from './blank-record.ts'
import type { Core } from './core.ts'
import { retryDelay, type EnqueueRetryPolicy } from './enqueue-retry.ts'
import { handleOf, remoteHandle } from './handle.ts'
import { LiveTask } from './live-task.ts'
import type { DraftRecord } from './new-record.ts'
import { callStore, delay } from './persist.ts'
import { placeTask } from './placement.ts'
import { noteOffset, wallDrift } from './wall-drift.ts'

export interface Insertion {
  /** Inserts one record without a key; in the caller's turn when the store answers at once. */
  insertNow(draft: DraftRecord, carrier?: Record<string, string>): TaskHandle | Promise<TaskHandle>
  /** Inserts all records or none; those whose key a task with the same input holds get its handle. */
  insert(
    drafts: readonly DraftRecord[],
    carrier: Record<string, string> | undefined,
  ): Promise<TaskHandle[]>
}

export function createInsertion(core: Core, attempts: Attempts): Insertion {
  function insertNow(
    draft: DraftRecord,
    carrier?: Record<string, string>,
  ): TaskHandle | Promise<TaskHandle> {
    if (core.turnWrites.takesInserts) return insertWithOthers(draft, carrier)
    const live = place(draft, carrier, true)
    const record = recordOf(draft, live)
    const answer = send(record)
    return answer instanceof Promise
      ? insertedLater(draft, live, record, answer)
      : insertedNow(draft, live, answer[0])
  }

  function send(record: NewRecord): readonly InsertResult[] | Promise<readonly InsertResult[]> {
    try {
      return callStore(core, 'persist', 'insert', () => core.backend.insert([record]))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // Apart, so that a store that answers at once costs no closure.
  function insertedLater(
    draft: DraftRecord,
    live: LiveTask,
    record: NewRecord,
    answer: Promise<readonly InsertResult[]>,
  ): Promise<TaskHandle> {
    const startedMs = core.clock.monotonic()
    core.inserting += 1
    return answer.then(
      (results) => {
        core.inserting -= 1
        return insertedNow(draft, live, results[0])
      },
      (error: Error) => insertAgain(draft, live, record, startedMs, error),
    )
  }

  function insertAgain(
    draft: DraftRecord,
    live: LiveTask,
    record: NewRecord,
    startedMs: number,
    error: Error,
  ): Promise<TaskHandle> {
    core.inserting -= 1
    const policy = policyOf([draft])
    return answered([live], [again(record)], policy, startedMs, Promise.reject(error)).then(first)
  }

  function insertWithOthers(
    draft: DraftRecord,
    carrier: Record<string, string> | undefined,
  ): Promise<TaskHandle> {
    let live: LiveTask
    let record: NewRecord
    let startedMs: number
    core.inserting += 1
    return new Promise((resolve, reject) => {
      const make = (now: number, nowMs: number): NewRecord => {
        startedMs = nowMs
        live = place(draft, carrier, true, Math.max(now, draft.state.dueAt))
        record = recordOf(draft, live)
        return record
      }
      const failed = (error: Error): void =>
        resolve(insertAgain(draft, live, record, startedMs, error))
      const inserted = (result: InsertEachResult): void => {
        if (result instanceof BackendUnavailableError) {
          failed(result)
          return
        }
        core.inserting -= 1
        try {
          resolve(insertedNow(draft, live, result))
        } catch (error) {
          reject(error)
        }
      }
      core.turnWrites.insert(make, inserted, failed)
    })
  }

  function insertedNow(
    draft: DraftRecord,
    live: LiveTask,
    result: InsertResult | undefined,
  ): TaskHandle {
    if (result?.type !== 'inserted') {
      unplace(live)
      throw refusal(draft, result)
    }
    return accept(live, result.position)
  }

  async function insert(
    drafts: readonly DraftRecord[],
    carrier: Record<string, string> | undefined,
  ): Promise<TaskHandle[]> {
    // Closing may have begun while a schema or a hook took its time.
    if (core.phase === 'closed') throw new ExecutorClosedError('enqueue')
    // Those that came before have the first choice of slots.
    if (core.turnWrites.isPending) core.turnWrites.before('insert')
    const lives = drafts.map((draft) => place(draft, carrier, drafts.length === 1))
    const records = drafts.map((draft, index) => recordOf(draft, lives[index] as LiveTask))
    const startedMs = core.clock.monotonic()
    const policy = policyOf(drafts)
    const answer = call(records)
    const handles = await answered(lives, records.map(again), policy, startedMs, answer)
    if (core.engine.awaitsRuns === true)
      await Promise.all(lives.map(async (live) => live.placement))
    return handles
  }

  function policyOf(drafts: readonly DraftRecord[]): EnqueueRetryPolicy {
    const own = drafts.find(({ enqueueRetry }) => enqueueRetry !== undefined)
    return own?.enqueueRetry ?? core.options.enqueueRetry
  }

  async function call(records: readonly NewRecord[]): Promise<readonly InsertResult[]> {
    return callStore(core, 'persist', 'insert', () => core.backend.insert(records))
  }

  /** Waits for the store, repeating what it may not have heard; accepts all or gives all back. */
  async function answered(
    lives: readonly LiveTask[],
    records: readonly NewRecord[],
    policy: EnqueueRetryPolicy,
    startedMs: number,
    first_: Promise<readonly InsertResult[]>,
  ): Promise<TaskHandle[]> {
    let results: readonly InsertResult[]
    core.inserting += 1
    try {
      results = await first_.catch((error: unknown) => repeat(records, policy, startedMs, error))
    } catch (error) {
      for (const live of lives) unplace(live)
      if (error instanceof BackendUnavailableError) void reconcile(lives)
      throw error
    } finally {
      core.inserting -= 1
    }
    if (results.every((result) => result.type === 'inserted')) {
      return lives.map((live, index) =>
        accept(live, (results[index] as { position: number }).position),
      )
    }
    // None went in. What only met its own key has its handle already; the others go in without it.
    for (const live of lives) unplace(live)
    for (const [index, result] of results.entries()) {
      const isKnown = result.type === 'inserted' || (result.type === 'existing' && result.sameInput)
      if (!isKnown) throw refusal(lives[index] as LiveTask, result)
    }
    const others = lives.filter((_live, index) => results[index]?.type === 'inserted')
    const inserted = new Map<LiveTask, TaskHandle>()
    if (others.length > 0) {
      for (const live of others) if (core.options.work && !live.hasSlot) arriving(live)
      const rest = others.map((live) => records[lives.indexOf(live)] as NewRecord)
      const againMs = core.clock.monotonic()
      const handles = await answered(others, rest, policy, againMs, call(rest))
      for (const [index, handle] of handles.entries())
        inserted.set(others[index] as LiveTask, handle)
    }
    return Promise.all(
      lives.map(
        async (live, index) =>
          inserted.get(live) ?? existing(live, (results[index] as { id: string }).id),
      ),
    )
  }

  async function repeat(
    records: readonly NewRecord[],
    policy: EnqueueRetryPolicy,
    startedMs: number,
    firstError: unknown,
  ): Promise<readonly InsertResult[]> {
    let error = firstError
    for (let index = 0; ; index++) {
      core.reportBackendError('insert', error)
      const delayMs = retryDelay(policy, index, core.clock.monotonic() - startedMs)
      if (delayMs === undefined) throw error
      const isLost = error instanceof BackendUnavailableError && error.reason === 'lease_lost'
      // What fails here fails in the next try, too, and is told there.
      if (isLost) await core.renewLease().catch(() => {})
      await delay(core, delayMs)
      if (core.isClosed()) throw error
      try {
        return await call(records)
      } catch (next) {
        error = next
      }
    }
  }

  /**
   * The caller was told that the enqueue failed, yet the store may have the record, in our name. It must not lie there
   * unseen: asked for until the store answers, and run when it is there.
   */
  async function reconcile(lives: readonly LiveTask[]): Promise<void> {
    if (!core.options.work) return
    for (const live of lives) {
      for (let delayMs = 500; core.phase !== 'closed'; delayMs = Math.min(delayMs * 2, 10_000)) {
        await delay(core, delayMs, false)
        try {
          const stored = await callStore(core, 'poll', 'get', () => core.backend.get(live.id))
          if (
            stored !== undefined &&
            stored.state.owner === core.id &&
            core.live.get(live.id) === undefined
          )
            void core.takeOver(stored)
          break
        } catch (error) {
          core.reportBackendError('get', error)
        }
      }
    }
  }

  /** Makes the task's place: a slot when one is free (never for a batch, which may have to be given back in part). */
  function place(
    draft: DraftRecord,
    carrier: Record<string, string> | undefined,
    mayStart: boolean,
    now: number = draft.state.dueAt,
  ): LiveTask {
    const { registered, options } = draft
    const spec = withCarrier(draft.spec, carrier)
    const live = new LiveTask(
      registered,
      options,
      spec,
      draft.state,
      Infinity,
      core.backend.capabilities.durable === 'none',
    )
    if (draft.isScheduled) noteOffset(core, live)
    if (core.options.work) {
      const {
        isScheduled,
        spec: { expiresAt = Infinity },
      } = draft
      const isDue = !isScheduled && expiresAt > now
      const isFirst = core.unplacedInserts === 0 && !core.window.isOverflowing(live.queue)
      const canStart = mayStart && isDue && isFirst && core.phase === 'open'
      if (canStart && core.engine.reserve(live)) {
        live.hasSlot = true
        live.parsedInput = draft.parsedInput
        if (core.backend.capabilities.durable !== 'none') live.startingAtMs = core.clock.monotonic()
        live.state = startedState(spec, draft.state, now)
      } else {
        core.unplacedInserts += 1
        if (!core.window.admit(live)) live.state = { ...draft.state, owner: null }
      }
    }
    return live
  }

  /** On its way to the store without a slot: to memory, or, without an owner, to the store alone. */
  function arriving(live: LiveTask): void {
    core.unplacedInserts += 1
    if (live.state.owner !== null) core.window.arriving(live)
  }

  function arrived(live: LiveTask): void {
    core.unplacedInserts -= 1
    if (live.state.owner !== null) core.window.arrived(live)
  }

  function unplace(live: LiveTask): void {
    if (!core.options.work) return
    if (live.hasSlot) core.engine.release(live)
    else arrived(live)
  }

  function accept(live: LiveTask, position: number): TaskHandle {
    live.position = position
    core.tally.of(live).enqueued += 1
    const { wanted } = core.bus
    if (wanted[live.state.status === 'scheduled' ? 'task.scheduled' : 'task.enqueued']) {
      core.bus.publish(lifecycle.accepted(core.origin, live, live.spec.createdAt))
    }
    if (!core.options.work || live.state.owner === null) {
      if (core.options.work) {
        arrived(live)
        core.window.stored(live)
      }
      return remoteHandle(core, live.id, live.name, false)
    }
    if (core.isClosed()) {
      // The store was so late that nothing runs here any more: the record is there, and is recovered from there.
      live.isLost = true
      live.isDone = true
      unplace(live)
      return handleOf(core, live)
    }
    core.live.add(live)
    if (live.state.status === 'scheduled') live.dueAt += wallDrift(core, live)
    if (live.hasSlot) {
      core.startSoon(live)
    } else {
      live.placement = placeTask(core, attempts, live)
      arrived(live)
    }
    return handleOf(core, live)
  }

  async function existing(live: LiveTask, id: string): Promise<TaskHandle> {
    const local = core.live.get(id)
    if (core.bus.wanted['task.deduplicated']) {
      const stored = local ?? (await callStore(core, 'poll', 'get', () => core.backend.get(id)))
      const task =
        stored === undefined
          ? live
          : { spec: stored.spec, state: stored.state, fields: stored.spec.context }
      const key = live.spec.idempotencyKey ?? ''
      core.bus.publish(lifecycle.deduplicated(core.origin, task, core.clock.now(), key))
    }
    return local === undefined
      ? remoteHandle(core, id, live.name, true)
      : handleOf(core, local, true)
  }

  return { insertNow, insert }
}

function recordOf({ key, mayRetryAgain, isFresh }: DraftRecord, live: LiveTask): NewRecord {
  return { spec: live.spec, state: live.state, key, mayRetryAgain, isFresh, isOwnId: isFresh }
}

/** As it is inserted again: the store may have it by now. */
function again({ spec, state, key, mayRetryAgain, isOwnId }: NewRecord): NewRecord {
  return { spec, state, key, mayRetryAgain, isOwnId }
}

/** The handle of an insertion of one. */
export function first(handles: readonly TaskHandle[]): TaskHandle {
  return handles[0] as TaskHandle
}

function refusal(task: { readonly spec: TaskSpec }, result: InsertResult | undefined): Error {
  const { name, id, idempotencyKey = '' } = task.spec
  if (result?.type === 'existing')
    return new IdempotencyMismatchError(name, idempotencyKey, result.id)
  if (result?.type === 'retried') {
    const message = `task ${task.spec.retryOf} was retried already, as ${result.id}; pass { force: true } to retry it again`
    return new DuplicateTaskError(name, message, result.id)
  }
  const message = `task "${name}": a record with id "${id}" exists already; it is untouched: use another id, or an idempotencyKey`
  return new DuplicateTaskError(name, message, id)
}

/** `spec` with `carrier`, if it has none of its own and it can be stored. */
export function withCarrier(spec: TaskSpec, carrier: Record<string, string> | undefined): TaskSpec {
  if (carrier === undefined || spec.traceContext !== undefined) return spec
  try {
    const traceContext = stringMap(carrier, 'carrier', CARRIER_LIMITS)
    return Object.keys(traceContext).length === 0 ? spec : { ...spec, traceContext }
  } catch {
    // An observer's carrier that cannot be stored is no reason to refuse the task.
    return spec
  }
}
