/** Cancelling, and retrying by hand. */

import type { CancelResult } from '../backends/backend.ts'
import type { CancelOptions, TaskHandle } from '../task/enqueue-options.ts'
import { DuplicateTaskError, InvalidOptionsError, ResultUnavailableError } from '../task/errors.ts'
import { readFields, reading } from '../task/reading.ts'
import type { CancelRequest, TaskSpec } from '../task/record.ts'
import { revivedOptions } from '../task/resolve-options.ts'
import { isTerminal } from '../task/status.ts'
import { transition } from '../task/transition.ts'
import type { EnqueueOptions } from '../task/enqueue-options.ts'
import type { Attempts } from './attempt.ts'
import { ownerNow, type Core } from './core.ts'
import type { Enqueuer } from './enqueue.ts'
import * as lifecycle from '../events/lifecycle.ts'
import type { LiveTask } from './live-task.ts'
import { callStore } from './persist.ts'

const MAX_REASON = 1_000

/** @returns true when the task is cancelled, or was asked to; false when it has ended otherwise or does not exist */
export async function cancelTask(
  core: Core,
  attempts: Attempts,
  id: string,
  options: CancelOptions = {},
): Promise<boolean> {
  if (typeof id !== 'string') throw new InvalidOptionsError('id', 'a string', id, 'cancel: ')
  const request = reading('options', 'cancel: ', () => checkRequest(options))
  const live = core.live.get(id)
  if (live !== undefined && !live.isDone) {
    if (isWaiting(core, live)) return endCancelled(core, attempts, live, request)
    // Running: the store hears of it too, so that a crash does not forget it.
    requestHere(core, attempts, live, request)
  }
  let answer: CancelResult
  try {
    answer = await callStore(core, 'persist', 'requestCancel', () =>
      core.backend.requestCancel(ownerNow(core), id, request),
    )
  } catch (error) {
    core.mayOwnUnheard = true
    throw error
  }
  switch (answer.type) {
    case 'missing':
      return false
    case 'ended':
      return answer.status === 'cancelled'
    case 'requested': {
      // Accepted while the request was under way: it need not wait for the next beat.
      const accepted = answer.owner === core.id ? core.live.get(id) : undefined
      if (accepted !== undefined) requestHere(core, attempts, accepted, request)
      return true
    }
    case 'claimed': {
      const { spec, state } = answer.record
      core.window.gone(state)
      const next = transition(spec, state, { type: 'cancel', ...request }, core.clock.now())
      return core.endUnplaced(answer.record, next)
    }
  }
}

/** Asks a task of this process to stop: at once when it runs, else at its next step. Idempotent. */
export function requestHere(
  core: Core,
  attempts: Attempts,
  live: LiveTask,
  request: CancelRequest,
): void {
  if (live.cancelRequest !== undefined || live.isDone) return
  const { attempt } = live
  if (attempt !== undefined && !attempt.isOver) {
    attempts.cancel(live, request)
    return
  }
  if (isWaiting(core, live)) {
    void endCancelled(core, attempts, live, request)
    return
  }
  live.cancelRequest = request
  // An attempt that is over may have ended the task: its outcome is being written.
  if (attempt === undefined && core.bus.wanted['task.cancel_requested']) {
    core.bus.publish(lifecycle.cancelRequested(core.origin, live, core.clock.now(), request))
  }
}

/** Whether nothing of it runs or is being written, so that it can end at once. Takes it from the engine. */
function isWaiting(core: Core, live: LiveTask): boolean {
  if (live.isSettling) return false
  if (live.attempt === undefined) return core.engine.remove(live)
  // Waits for its retry while the body of an attempt that timed out runs on, and keeps its slot.
  return live.attempt.isOver && live.state.status === 'retrying'
}

function endCancelled(
  core: Core,
  attempts: Attempts,
  live: LiveTask,
  request: CancelRequest,
): Promise<boolean> {
  const next = transition(live.spec, live.state, { type: 'cancel', ...request }, core.clock.now())
  return new Promise((resolve) => attempts.end(live, next, resolve))
}

function checkRequest(options: CancelOptions): CancelRequest {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionsError('options', 'an object { reason, by }', options, 'cancel: ')
  }
  const request: { reason?: string; by?: string } = {}
  for (const key of ['reason', 'by'] as const) {
    const value: unknown = options[key]
    if (value === undefined) continue
    if (typeof value !== 'string' || value.length > MAX_REASON) {
      throw new InvalidOptionsError(
        key,
        `a string of at most ${MAX_REASON} characters`,
        value,
        'cancel: ',
      )
    }
    request[key] = value
  }
  return request
}

export interface RetryOptions {
  /** Retries a record that has been retried by hand before. Default false. */
  readonly force?: boolean | undefined
}

/**
 * Enqueues the work of an ended record again, as a new record with `retryOf`: same input, tags, headers, queue, priority
 * and call options. It takes the idempotency key over.
 */
export async function retryTask(
  core: Core,
  enqueuer: Enqueuer,
  id: string,
  options: RetryOptions = {},
): Promise<TaskHandle> {
  if (typeof id !== 'string') throw new InvalidOptionsError('id', 'a string', id, 'retry: ')
  const { force } = readFields(options, 'options', 'an object { force }', 'retry: ')
  const stored = await callStore(core, 'poll', 'get', () => core.backend.get(id))
  if (stored === undefined)
    throw new ResultUnavailableError(id, 'its record does not exist, so it cannot be retried')
  const { spec, state } = stored
  if (!isTerminal(state.status)) {
    throw new InvalidOptionsError(
      'id',
      'a task that has ended',
      `${id} (${state.status})`,
      'retry: ',
    )
  }
  const call: EnqueueOptions = {
    ...revivedOptions(spec.options),
    tags: spec.tags,
    headers: spec.headers,
    queue: spec.queue,
    priority: spec.priority,
    label: spec.label ?? null,
    expires: null,
    ...(spec.idempotencyKey === undefined ? undefined : { idempotencyKey: spec.idempotencyKey }),
  }
  const input = readInput(spec)
  const origin = {
    source: 'retry' as const,
    retryOf: id,
    takeOverFrom: spec.idempotencyKey === undefined ? undefined : id,
    of: spec,
    mayRetryAgain: force === true,
  }
  const handle = await enqueuer.one({ task: spec.name, input, options: call }, origin)
  if (handle.deduplicated) {
    const message = `task ${id} cannot be retried: task ${handle.id} holds its idempotency key now`
    throw new DuplicateTaskError(spec.name, message, handle.id)
  }
  return handle
}

function readInput(spec: TaskSpec): unknown {
  if (spec.inputJson === undefined) return undefined
  try {
    return JSON.parse(spec.inputJson) as unknown
  } catch (error) {
    throw new ResultUnavailableError(
      spec.id,
      'its stored input is not JSON, so it cannot be retried',
      { cause: error },
    )
  }
}
