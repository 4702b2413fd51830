/** Calls to the store: inside `runInternal` hooks, with a deadline, repeated where an answer is needed. */

import type { Backend, StatePatch, WriteResult } from '../backends/backend.ts'
import type { InternalOperation } from '../observers/observer.ts'
import { BackendUnavailableError } from '../task/errors.ts'
import { runInternal } from './around.ts'
import type { Core } from './core.ts'

const FIRST_DELAY_MS = 50
const MAX_DELAY_MS = 2_000

/**
 * One call. Answers a value when the store does, else a promise.
 *
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when the store rejects or does not answer within 10 s
 */
export function callStore<T>(
  core: Core,
  internal: InternalOperation,
  operation: string,
  call: () => T | Promise<T>,
): T | Promise<T> {
  try {
    const answer = callRaw(core, internal, operation, call)
    if (answer instanceof Promise) return withDeadline(core, operation, answer)
    if (!core.tally.isStoreThere) core.tally.noteAnswer(operation)
    return answer
  } catch (error) {
    core.tally.storeFailed()
    throw asBackendError(core, operation, error)
  }
}

/** Repeats `call` until the store answers: for writes, all of which are idempotent. Gives up only when `isMoot` says so. */
export function callUntilAnswered<T>(
  core: Core,
  internal: InternalOperation,
  operation: string,
  call: () => T | Promise<T>,
  isMoot: () => boolean = core.isClosed,
): T | Promise<T> {
  try {
    const answer = callRaw(core, internal, operation, call)
    if (answer instanceof Promise)
      return untilAnswered(core, internal, operation, call, isMoot, answer)
    if (!core.tally.isStoreThere) core.tally.noteAnswer(operation)
    return answer
  } catch (error) {
    core.tally.storeFailed()
    const reason = asBackendError(core, operation, error)
    return repeatUntilAnswered(core, internal, operation, call, reason, isMoot)
  }
}

/** As `callUntilAnswered`, for the state of one record: in memory each task passes here, without a closure or a promise. */
export function writeState(core: Core, patch: StatePatch): WriteResult | Promise<WriteResult> {
  const patches = [patch]
  if (core.around.runInternal.length > 0 || core.turnWrites.isPending)
    return firstOf(callUntilAnswered(core, 'persist', 'update', updateOf(core, patches)))
  try {
    const answer = core.backend.update(patches)
    if (answer instanceof Promise) return writtenLater(core, patches, answer)
    if (!core.tally.isStoreThere) core.tally.noteAnswer('update')
    return answer[0] as WriteResult
  } catch (error) {
    core.tally.storeFailed()
    const reason = asBackendError(core, 'update', error)
    const call = updateOf(core, patches)
    return firstOf(repeatUntilAnswered(core, 'persist', 'update', call, reason))
  }
}

function writtenLater(
  core: Core,
  patches: readonly StatePatch[],
  answer: Promise<readonly WriteResult[]>,
): WriteResult | Promise<WriteResult> {
  const call = updateOf(core, patches)
  return firstOf(untilAnswered(core, 'persist', 'update', call, core.isClosed, answer))
}

function updateOf(core: Core, patches: readonly StatePatch[]): () => ReturnType<Backend['update']> {
  return () => core.backend.update(patches)
}

function firstOf(
  answer: readonly WriteResult[] | Promise<readonly WriteResult[]>,
): WriteResult | Promise<WriteResult> {
  if (answer instanceof Promise) return answer.then((results) => results[0] as WriteResult)
  return answer[0] as WriteResult
}

// Apart, so that a store that answers at once costs no closure.
function untilAnswered<T>(
  core: Core,
  internal: InternalOperation,
  operation: string,
  call: () => T | Promise<T>,
  isMoot: () => boolean,
  answer: Promise<T>,
): Promise<T> {
  return withDeadline(core, operation, answer, (error) =>
    repeatUntilAnswered(core, internal, operation, call, error, isMoot),
  )
}

function callRaw<T>(
  core: Core,
  internal: InternalOperation,
  operation: string,
  call: () => T | Promise<T>,
): T | Promise<T> {
  // Calls take effect in the order in which they were made.
  if (core.turnWrites.isPending) core.turnWrites.before(operation)
  // A write is part of something that has asked already.
  if (internal !== 'persist') core.wakeObservers?.()
  const hooks = core.around.runInternal
  return hooks.length === 0 ? call() : runInternal(core.aroundHost, hooks, internal, call)
}

/** As `callUntilAnswered`, for a call that has failed once. */
export async function repeatUntilAnswered<T>(
  core: Core,
  internal: InternalOperation,
  operation: string,
  call: () => T | Promise<T>,
  firstError: unknown,
  isMoot: () => boolean = core.isClosed,
): Promise<T> {
  let error = firstError
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    core.reportBackendError(operation, error)
    if (isMoot()) throw error
    await delay(core, delayMs)
    if (isMoot()) throw error
    try {
      return await callStore(core, internal, operation, call)
    } catch (next) {
      error = next
    }
  }
}

/** Settles after `ms`, or when the executor is closed. */
export function delay(core: Core, ms: number, keepAlive = true): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      core.onClosed.delete(done)
      resolve()
    }
    core.onClosed.add(done)
    core.timers.after(ms, done, keepAlive)
  })
}

/** What `answer` comes to; with `again`, what that makes of its failure. One promise for all of it: this is the hot path. */
function withDeadline<T>(
  core: Core,
  operation: string,
  answer: Promise<T>,
  again?: (error: BackendUnavailableError) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const fail = (error: BackendUnavailableError): void => {
      core.tally.storeFailed()
      if (again === undefined) reject(error)
      else again(error).then(resolve, reject)
    }
    const call = core.storeCalls.add((reason, message) => {
      fail(new BackendUnavailableError(core.backend.name, operation, reason, message))
    })
    answer.then(
      (value) => {
        core.storeCalls.remove(call)
        core.tally.answered(operation, call.sinceMs, core.clock.monotonic())
        resolve(value)
      },
      (error: unknown) => {
        // Past its deadline it has been given up already, and is being repeated.
        if (core.storeCalls.remove(call)) fail(asBackendError(core, operation, error))
      },
    )
  })
}

function asBackendError(core: Core, operation: string, error: unknown): BackendUnavailableError {
  if (error instanceof BackendUnavailableError) return error
  const message = error instanceof Error ? error.message : 'it threw something that is no error'
  return new BackendUnavailableError(core.backend.name, operation, 'unknown', message, {
    cause: error,
  })
}
