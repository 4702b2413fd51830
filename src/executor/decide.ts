/** What the end of an attempt makes of its task: the outcome, and the state that follows. */

import type { RunResult } from '../observers/observer.ts'
import {
  ResultUnavailableError,
  TaskCancelledError,
  TaskInterruptedError,
  TaskTimeoutError,
} from '../task/errors.ts'
import { stringifyLoose } from '../task/json.ts'
import type { Outcome } from '../task/outcome.ts'
import { attemptOf, retriesUsedOf, type AttemptFacts } from '../task/record.ts'
import { decideRetry } from '../task/retry.ts'
import { serializeError, type SerializedError } from '../task/serialized-error.ts'
import { transition } from '../task/transition.ts'
import type { RunOptions } from '../task/options.ts'
import { storableCarrier } from './attempt-carrier.ts'
import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import type { Decision, Ending } from './decision.ts'
import type { RunningAttempt } from './running-attempt.ts'

export function decide(core: Core, attempt: RunningAttempt, ending: Ending): Decision {
  const { live } = attempt
  const nowMs = core.clock.monotonic()
  const durationMs = microseconds(nowMs - attempt.startedAtMs)
  const facts = factsOf(core, attempt, durationMs)
  const bare = outcomeOf(core, attempt, ending, durationMs)
  const outcome = facts === undefined ? bare : { ...bare, facts }
  const now = core.wall.at(nowMs)
  if (outcome.type !== 'failure') {
    const state = transition(live.spec, live.state, outcome, now)
    return { outcome, state, error: undefined, expected: false, thrown: undefined }
  }
  const thrown = ending.type === 'resolved' ? undefined : errorOf(ending)
  const expected = isExpected(live.options, thrown)
  const error = expected ? withoutStack(outcome.error) : outcome.error
  const stored = live.options.storeErrors ? error : nameOnly(error)
  const state = transition(live.spec, live.state, { ...outcome, error: stored }, now)
  return { outcome, state, error, expected, thrown }
}

/** What around-hooks are told of a decision. */
export function runResultOf({ outcome, state, expected, thrown }: Decision): RunResult {
  const { status, durationMs = 0 } = state
  switch (outcome.type) {
    case 'failure': {
      const retryAt = status === 'retrying' ? state.dueAt : undefined
      return {
        outcome: 'failure',
        status,
        reason: outcome.reason,
        retryAt,
        durationMs,
        error: thrown,
        expected,
      }
    }
    case 'success':
    case 'cancel':
      return { outcome: outcome.type, status, reason: state.reason, durationMs }
    case 'interrupt':
    case 'due':
    case 'start':
    case 'expire':
      return { outcome: 'interrupt', status, reason: state.reason, durationMs }
  }
}

/** Shorter delays of the event loop are not seen by the watch; shorter attempts need not be asked for. */
const MIN_LOOP_DELAY_MS = 50

function factsOf(
  core: Core,
  attempt: RunningAttempt,
  durationMs: number,
): AttemptFacts | undefined {
  const { logCounts } = attempt
  const persistMs = microseconds(attempt.persistMs ?? 0)
  // Of a delay that began before it, an attempt has its own part.
  const delayMs =
    durationMs < MIN_LOOP_DELAY_MS
      ? 0
      : Math.min(durationMs, core.loopDelaySince?.(attempt.startedAtMs) ?? 0)
  const isDelayed = delayMs >= MIN_LOOP_DELAY_MS
  const traceContext = storableCarrier(attempt.carrier)
  const isNothing = persistMs === 0 && logCounts === undefined && traceContext === undefined
  if (isNothing && !isDelayed) return undefined
  return {
    persistMs: persistMs === 0 ? undefined : persistMs,
    loopDelayMs: isDelayed ? microseconds(delayMs) : undefined,
    logCounts: logCounts === undefined ? undefined : Object.freeze(logCounts),
    traceContext,
  }
}

function microseconds(ms: number): number {
  return ms > 0 ? Math.round(ms * 1e3) / 1e3 : 0
}

function outcomeOf(
  core: Core,
  attempt: RunningAttempt,
  ending: Ending,
  durationMs: number,
): Outcome {
  switch (ending.type) {
    case 'resolved':
      return success(attempt.live, ending.value, durationMs)
    case 'rejected': {
      const { abortReason } = attempt
      // A body that was told to stop and rejects has stopped, whatever it says.
      if (abortReason instanceof TaskCancelledError) return cancelled(attempt.live, durationMs)
      if (abortReason instanceof TaskInterruptedError) return interrupted(core, attempt, durationMs)
      const isSoftTimeout =
        abortReason instanceof TaskTimeoutError && isAbort(ending.error, abortReason)
      return failure(
        core,
        attempt.live,
        ending.error,
        isSoftTimeout ? 'timeout' : 'error',
        durationMs,
      )
    }
    case 'timeout':
      // Told to stop before its deadline: what it was told for decides, as it does when the body rejects.
      if (attempt.abortReason instanceof TaskCancelledError)
        return cancelled(attempt.live, durationMs)
      if (attempt.abortReason instanceof TaskInterruptedError)
        return interrupted(core, attempt, durationMs)
      return failure(core, attempt.live, ending.error, 'timeout', durationMs)
    case 'unrunnable':
      return {
        type: 'failure',
        error: serializeError(ending.error),
        reason: ending.reason,
        durationMs,
      }
    case 'cancelled':
      return cancelled(attempt.live, durationMs)
    case 'interrupted':
      return interrupted(core, attempt, durationMs)
  }
}

function success(live: LiveTask, value: unknown, durationMs: number): Outcome {
  const { options } = live
  if (value === undefined || !options.keepResult) return { type: 'success', durationMs }
  try {
    const resultJson = stringifyLoose(value)
    const bytes = resultJson === undefined ? 0 : Buffer.byteLength(resultJson)
    if (bytes <= options.maxResultBytes) return { type: 'success', durationMs, resultJson }
    const why = `it has ${bytes} bytes of JSON, more than maxResultBytes (${options.maxResultBytes})`
    return {
      type: 'success',
      durationMs,
      resultError: serializeError(new ResultUnavailableError(live.id, why)),
    }
  } catch (error) {
    return { type: 'success', durationMs, resultError: serializeError(error) }
  }
}

function failure(
  core: Core,
  live: LiveTask,
  error: unknown,
  kind: 'error' | 'timeout',
  durationMs: number,
): Outcome {
  const facts = {
    taskId: live.id,
    taskName: live.name,
    attempt: attemptOf(live.state),
    failures: retriesUsedOf(live.state) + 1,
  }
  const { isUnrecoverable, retryDelayMs } = decideRetry(live.options, error, facts, core.random)
  const reason = isUnrecoverable ? 'unrecoverable' : kind
  return { type: 'failure', error: serializeError(error), reason, durationMs, retryDelayMs }
}

function cancelled(live: LiveTask, durationMs: number): Outcome {
  const request = live.cancelRequest
  return { type: 'cancel', reason: request?.reason, by: request?.by, durationMs }
}

function interrupted(core: Core, attempt: RunningAttempt, durationMs: number): Outcome {
  const { abortReason } = attempt
  const reason = abortReason instanceof TaskInterruptedError ? abortReason.reason : 'shutdown'
  return {
    type: 'interrupt',
    reason,
    durationMs,
    requeue: core.backend.capabilities.durable !== 'none',
  }
}

/** Whether `error` says no more than that the body stopped as it was told to. */
export function isAbort(error: unknown, abortReason: Error | undefined): boolean {
  if (error === abortReason) return true
  try {
    return error instanceof Error && (error.name === 'AbortError' || error.cause === abortReason)
  } catch {
    return false
  }
}

function errorOf(ending: Exclude<Ending, { type: 'resolved' }>): unknown {
  return 'error' in ending ? ending.error : undefined
}

function isExpected(options: RunOptions, error: unknown): boolean {
  try {
    return options.throws !== undefined && options.throws.some((each) => error instanceof each)
  } catch {
    // `instanceof` runs code of the class and of the error.
    return false
  }
}

function withoutStack(error: SerializedError): SerializedError {
  const { stack: _stack, ...rest } = error
  return Object.freeze(rest)
}

function nameOnly(error: SerializedError): SerializedError {
  return Object.freeze({
    name: error.name,
    message: '[not stored]',
    fingerprint: error.fingerprint,
  })
}
