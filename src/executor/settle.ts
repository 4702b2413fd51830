/** Persists a state and then says so: every change of a record after its insert goes through here. */

import type { StatePatch, WriteResult } from '../backends/backend.ts'
import * as lifecycle from '../events/lifecycle.ts'
import type { InterruptReason } from '../task/errors.ts'
import type { StoredRecord, TaskState } from '../task/record.ts'
import type { SerializedError } from '../task/serialized-error.ts'
import { isTerminal } from '../task/status.ts'
import { serializeError } from '../task/serialized-error.ts'
import type { FailureReason } from '../task/outcome.ts'
import type { Core } from './core.ts'
import { announceDone, type LiveTask } from './live-task.ts'
import type { LogStore } from './log-store.ts'
import { noteOffset, wallDrift } from './wall-drift.ts'
import { requestOf } from './watch.ts'

/** What the events of a settled state need beside the state. */
export interface SettleFacts {
  /** The failure as events show it. */
  readonly error?: SerializedError | undefined
  readonly expected?: boolean | undefined
  /** Why it was requeued or interrupted. */
  readonly interrupt?: InterruptReason | undefined
}

export const NO_FACTS: SettleFacts = {}

/** Told when a state is written; `isOurs` is false when the record turned out to be somebody else's (`live.isLost`). */
export type Settled = (isOurs: boolean, live: LiveTask) => void

/**
 * Writes `next` for a task that this executor owns, publishes what it means, and calls `then`. In the caller's
 * turn when the store answers at once. The write is repeated until the store answers.
 */
export function settle(
  core: Core,
  logStore: LogStore,
  live: LiveTask,
  next: TaskState,
  facts: SettleFacts,
  then: Settled,
): void {
  logStore.flush(live)
  live.isSettling = true
  writeEnd(core, live, next, facts, then)
}

function writeEnd(
  core: Core,
  live: LiveTask,
  next: TaskState,
  facts: SettleFacts,
  then: Settled,
): void {
  if (next.status === 'retrying') noteOffset(core, live)
  // One that is given up until its retry would not hear of a cancel before.
  const unlessCancelled = next.status === 'retrying' && next.owner === null
  const patch = patchOf(core, live, next, live.state.fence, unlessCancelled)
  const answer = core.turnWrites.atOnce(patch)
  if (answer === undefined || answer instanceof Promise)
    writtenLater(core, live, next, facts, then, patch, answer)
  else settled(core, live, next, facts, answer, then)
}

// Apart, so that a store that answers at once costs no closure.
function writtenLater(
  core: Core,
  live: LiveTask,
  next: TaskState,
  facts: SettleFacts,
  then: Settled,
  patch: StatePatch,
  answer: Promise<WriteResult> | undefined,
): void {
  const answered = (result: WriteResult): void => {
    if (result === 'ok') measure(core, live, next)
    settled(core, live, next, facts, result, then)
  }
  // Only when closing gave up on the store: the record stays ours in the store, and is recovered from there.
  const gaveUp = (): void => {
    live.isSettling = false
    live.isLost = true
    then(false, live)
  }
  if (answer === undefined) core.turnWrites.update(patch, false, answered, gaveUp)
  else answer.then(answered, gaveUp)
}

/** How long the end of an attempt was on its way to the store. */
function measure({ tally }: Core, { attempt, state }: LiveTask, { durationMs }: TaskState): void {
  if (attempt === undefined || state.status !== 'running' || durationMs === undefined) return
  const now = tally.answeredAtMs
  // A store that answers at once is not measured.
  if (now === 0) return
  tally.settle.add(now - attempt.startedAtMs - durationMs, now)
}

/** The replacement of a record's state by `next`, as this executor writes it. */
export function patchOf(
  core: Core,
  { spec, state, position }: Pick<StoredRecord, 'spec' | 'state' | 'position'>,
  next: TaskState,
  fence: number = state.fence,
  unlessCancelled = false,
): StatePatch {
  return {
    id: spec.id,
    position,
    name: spec.name,
    owner: core.id,
    fence,
    state: next,
    freesKey:
      spec.idempotencyKey !== undefined && isTerminal(next.status) && next.status !== 'succeeded',
    unlessCancelled,
  }
}

function settled(
  core: Core,
  live: LiveTask,
  next: TaskState,
  facts: SettleFacts,
  result: WriteResult,
  then: Settled,
): void {
  if (result !== 'ok') {
    refused(core, live, next, facts, result, then)
    return
  }
  live.startBehind = undefined
  live.isSettling = false
  const { status: from } = live.state
  live.state = next
  live.dueAt = next.status === 'retrying' ? next.dueAt + wallDrift(core, live) : next.dueAt
  core.tally.settled(live, from)
  publishState(core, live, from === 'running', facts)
  then(true, live)
}

function refused(
  core: Core,
  live: LiveTask,
  next: TaskState,
  facts: SettleFacts,
  result: WriteResult,
  then: Settled,
): void {
  if (result === 'cancelled') {
    // It stays here, and is cancelled when it is about to be placed.
    void requestOf(core, live.id).then((request) => {
      live.cancelRequest ??= request
      writeEnd(core, live, { ...next, owner: core.id }, facts, then)
    })
    return
  }
  if (live.startBehind !== undefined && !live.isLost) {
    // It overtook its own start, whose write is still being repeated: the store knew only the fence before it.
    live.startBehind.onOver = () => writeEnd(core, live, next, facts, then)
    return
  }
  live.startBehind = undefined
  live.isSettling = false
  lose(core, live)
  then(false, live)
}

/** The record belongs to somebody else now: what happens here counts no more. */
export function lose(core: Core, live: LiveTask): void {
  if (live.isLost) return
  live.isLost = true
  if (core.bus.wanted['attempt.discarded'] && live.attempt !== undefined) {
    core.bus.publish(
      lifecycle.attemptDiscarded(core.origin, live, live.attempt.state, core.clock.now(), 'stale'),
    )
  }
}

/** Takes an ended or lost task out of memory and tells who waits. */
export function forget(core: Core, live: LiveTask): void {
  if (live.isDone) return
  core.live.remove(live)
  live.expiry?.cancel()
  announceDone(live)
  if (core.onRoom.size > 0) for (const tell of core.onRoom) tell()
  if (core.live.size === 0 && core.onIdle.size > 0) for (const tell of core.onIdle) tell()
}

/** Publishes what the task's new state means. After the record says so. */
function publishState(core: Core, live: LiveTask, wasRunning: boolean, facts: SettleFacts): void {
  const { bus, origin } = core
  const { wanted } = bus
  const { state } = live
  if (wasRunning && wanted['attempt.summary']) {
    const summary = lifecycle.attemptSummary(
      origin,
      live,
      state.attemptEndedAt ?? state.endedAt ?? 0,
    )
    if (summary !== undefined) bus.publish(summary)
  }
  switch (state.status) {
    case 'succeeded':
      if (wanted['task.succeeded'])
        bus.publish(lifecycle.taskSucceeded(origin, live, state.endedAt ?? 0))
      return
    case 'retrying':
    case 'failed': {
      const time = core.clock.now()
      const error = facts.error ?? state.error ?? serializeError(new Error('unknown'))
      const { durationMs = 0 } = state
      if (wasRunning && state.reason !== 'crash_loop' && wanted['attempt.failed']) {
        bus.publish(
          lifecycle.attemptFailed(origin, live, time, {
            error,
            reason: state.reason as FailureReason,
            durationMs,
          }),
        )
      }
      if (state.status === 'failed') {
        if (wanted['task.failed'])
          bus.publish(lifecycle.taskFailed(origin, live, time, error, facts.expected === true))
      } else if (wanted['task.retrying']) {
        bus.publish(lifecycle.taskRetrying(origin, live, time))
      }
      return
    }
    case 'cancelled':
      if (wanted['task.cancelled'])
        bus.publish(lifecycle.taskCancelled(origin, live, core.clock.now()))
      return
    case 'interrupted':
      if (wanted['task.interrupted']) {
        bus.publish(
          lifecycle.taskInterrupted(origin, live, core.clock.now(), facts.interrupt ?? 'crash'),
        )
      }
      return
    case 'expired':
      if (wanted['task.expired']) bus.publish(lifecycle.taskExpired(origin, live, core.clock.now()))
      return
    case 'pending':
      if (facts.interrupt !== undefined && wanted['task.requeued']) {
        bus.publish(lifecycle.taskRequeued(origin, live, core.clock.now(), facts.interrupt))
      }
      return
    case 'scheduled':
    case 'running':
      return
  }
}
