/** Runs one attempt from its start to its outcome, and gives the slot back when its body is over. */

import type { StatePatch, WriteResult } from '../backends/backend.ts'
import type { RunResult } from '../observers/observer.ts'
import * as lifecycle from '../events/lifecycle.ts'
import { TaskCancelledError, TaskInterruptedError } from '../task/errors.ts'
import type { CancelRequest, TaskState } from '../task/record.ts'
import { isTerminal } from '../task/status.ts'
import { transition } from '../task/transition.ts'
import { runAround } from './around.ts'
import { createBodyRunner } from './body.ts'
import type { Core } from './core.ts'
import { decide, isAbort, runResultOf } from './decide.ts'
import type { Decision, Ending } from './decision.ts'
import { createEndings, type Endings } from './endings.ts'
import { announceStarted, type LiveTask, type StartBehind } from './live-task.ts'
import type { LogStore } from './log-store.ts'
import { AttemptOperation } from './run-operation.ts'
import { RunningAttempt } from './running-attempt.ts'
import { forget, lose, NO_FACTS, patchOf, settle } from './settle.ts'
import { runHooks } from './user-hooks.ts'
import { requestOf } from './watch.ts'

/** Outcomes that may be on their way to the store with their slots given back. */
const MAX_UNWRITTEN = 1_000

/** How long a body may take to settle after a cancel before the task ends without it. */
export const CANCEL_GRACE_MS = 5_000

export interface Attempts extends Endings {
  /** Starts the next attempt of a pending task that holds a slot: the record first, then the body. */
  run(live: LiveTask): void
  /** Runs the body of a task that holds a slot and whose record says running. */
  begin(live: LiveTask): void
  /** Asks a running attempt to stop: it has 5 s to settle. */
  cancel(live: LiveTask, request: CancelRequest): void
  /** Ends a running attempt because the executor goes away or lost the record; its body is told first. */
  interrupt(live: LiveTask): void
}

export function createAttempts(core: Core, logStore: LogStore): Attempts {
  const endings = createEndings(core, logStore)
  const { clock, bus, origin, timers, tally } = core
  // Where a write takes a turn, the start that the record says lies before the events of that turn.
  const answersAtOnce = core.backend.capabilities.durable === 'none'
  let unwritten = 0
  const perform = createBodyRunner(core, { neverBegan, ended: bodyEnded, timedOut: conclude })

  function run(live: LiveTask): void {
    // It has left the queue, whatever becomes of it: there is room for another.
    if (core.onRoom.size > 0) for (const tell of core.onRoom) tell()
    const now = clock.now()
    const request = live.cancelRequest
    if (request !== undefined) {
      core.engine.release(live)
      endings.end(live, transition(live.spec, live.state, { type: 'cancel', ...request }, now))
      return
    }
    if (live.spec.expiresAt !== undefined && live.spec.expiresAt <= now) {
      core.engine.release(live)
      endings.end(live, transition(live.spec, live.state, { type: 'expire' }, now))
      return
    }
    // Due in the store only when it starts: the step between is ours alone.
    const due = transition(live.spec, live.state, { type: 'due' }, now)
    const next = transition(live.spec, due, { type: 'start' }, now)
    live.isSettling = true
    const sinceMs = answersAtOnce ? 0 : clock.monotonic()
    const { fence } = live.state
    const patch = patchOf(core, live, next, fence, true)
    if (
      !answersAtOnce &&
      live.spec.requeueOnInterrupt &&
      fence === 0 &&
      sinceMs < core.leaseEndsMs
    ) {
      startBehind(live, next, patch)
      return
    }
    live.startingAtMs = sinceMs
    const answer = core.turnWrites.atOnce(patch)
    if (answer === undefined || answer instanceof Promise) startLater(live, next, patch, answer)
    else started(live, next, answer)
  }

  // Apart, so that a store that answers at once costs no closure.
  function startLater(
    live: LiveTask,
    next: TaskState,
    patch: StatePatch,
    answer: Promise<WriteResult> | undefined,
  ): void {
    const answered = (result: WriteResult): void => started(live, next, result)
    const gaveUp = (): void => started(live, next, 'stale')
    if (answer === undefined) core.turnWrites.update(patch, true, answered, gaveUp)
    else answer.then(answered, gaveUp)
  }

  /**
   * Written behind: after a crash it would be run again in any case. Not for what was claimed, adopted or retried: a body
   * that kills its process must leave a trace of each start but the first, or it would be started for ever.
   */
  function startBehind(live: LiveTask, next: TaskState, patch: StatePatch): void {
    const behind: StartBehind = { onOver: undefined }
    const arrived = (isOurs: boolean): void => {
      // An end that was written meanwhile proves that the start was, whatever became of its reply.
      if (live.startBehind === behind) {
        live.startBehind = undefined
        // While an end is being written, its answer decides: it may have gone in between the start and this reply.
        if (!isOurs && !live.isSettling) {
          lose(core, live)
          live.attempt?.abort(new TaskInterruptedError(live.id, live.name, 'lease_lost'))
          interrupt(live)
        }
      }
      behind.onOver?.()
    }
    const write = (from: StatePatch): void => {
      core.turnWrites.update(
        from,
        true,
        (result) => {
          if (result !== 'cancelled') return arrived(result === 'ok')
          // The body has begun, and the record has to say so; the body is told.
          write({ ...from, unlessCancelled: false })
          void requestOf(core, live.id).then((asked) => cancel(live, asked))
        },
        () => arrived(false),
      )
    }
    write(patch)
    live.startBehind = behind
    started(live, next, 'ok')
  }

  function started(live: LiveTask, next: TaskState, result: WriteResult | undefined): void {
    if (result === 'cancelled') {
      // Asked for by another executor: it never begins.
      core.engine.release(live)
      void requestOf(core, live.id).then((request) => {
        const outcome = { type: 'cancel', ...request } as const
        endings.end(live, transition(live.spec, live.state, outcome, clock.now()))
      })
      return
    }
    live.isSettling = false
    if (result !== 'ok') {
      lose(core, live)
      core.engine.release(live)
      forget(core, live)
      return
    }
    live.state = next
    begin(live)
  }

  function begin(live: LiveTask): void {
    core.wakeObservers?.()
    const persistMs = live.startingAtMs === 0 ? undefined : clock.monotonic() - live.startingAtMs
    const attempt = new RunningAttempt(core, live, logStore, persistMs)
    live.attempt = attempt
    live.hasSlot = false
    live.startingAtMs = 0
    tally.of(live).started += 1
    if (bus.wanted['attempt.started']) {
      bus.publish(
        lifecycle.attemptStarted(
          origin,
          live,
          answersAtOnce ? (live.state.startedAt ?? 0) : clock.now(),
        ),
      )
    }
    announceStarted(live)
    // After those who hear of the start: their time is not the body's.
    attempt.startedAtMs = clock.monotonic()
    tally.wait.add(attempt.state.waitMs ?? 0, attempt.startedAtMs)
    const request = live.cancelRequest
    if (request !== undefined) {
      // Asked for while the start was being written: the body is not begun.
      attempt.isBodySettled = true
      attempt.abort(new TaskCancelledError(live.id, live.name, request.reason))
      conclude(attempt, { type: 'cancelled' })
      return
    }
    if (core.around.wrapRun.length === 0) {
      if (core.loopDelaySince !== undefined) attempt.bodySinceMs = attempt.startedAtMs
      perform(attempt)
      return
    }
    const attemptCarrier: Record<string, string> = {}
    attempt.carrier = attemptCarrier
    const operation = new AttemptOperation(attempt, clock, attemptCarrier)
    const body = (): Promise<RunResult> =>
      new Promise((resolve) => {
        attempt.onDecided = resolve
        perform(attempt)
      })
    void runAround(core.aroundHost, core.around.wrapRun, 'wrapRun', operation, body).then(() => {
      if (attempt.decision !== undefined) commit(attempt, attempt.decision)
    })
  }

  function neverBegan(attempt: RunningAttempt, ending: Ending): void {
    attempt.isBodySettled = true
    conclude(attempt, ending)
  }

  function bodyEnded(attempt: RunningAttempt, ending: Ending): void {
    const isLate = attempt.isOver
    attempt.isBodySettled = true
    if (!isLate) {
      conclude(attempt, ending)
      return
    }
    if (attempt.ranOn) publishOverrun(attempt)
    const isRefused =
      ending.type === 'resolved' ||
      (ending.type === 'rejected' && !isAbort(ending.error, attempt.abortReason))
    if (isRefused && bus.wanted['attempt.discarded'] && !attempt.live.isLost) {
      bus.publish(
        lifecycle.attemptDiscarded(origin, attempt.live, attempt.state, clock.now(), 'late'),
      )
    }
    slotIsFree(attempt)
  }

  function publishOverrun(attempt: RunningAttempt): void {
    if (!bus.wanted['attempt.overrun']) return
    const overrunMs = Math.max(0, Math.round(clock.monotonic() - attempt.overAtMs))
    bus.publish(
      lifecycle.attemptOverrun(origin, attempt.live, attempt.state, clock.now(), overrunMs),
    )
  }

  // The first end counts; every later one is late.
  function conclude(attempt: RunningAttempt, ending: Ending): void {
    if (attempt.isOver) return
    const { live } = attempt
    if (attempt.deadlines !== undefined) for (const deadline of attempt.deadlines) deadline.cancel()
    const decision = decide(core, attempt, ending)
    attempt.isOver = true
    if ('error' in ending) live.failure = ending.error
    if (!attempt.isBodySettled) awaitBody(attempt)
    if (attempt.onDecided === undefined) {
      commit(attempt, decision)
    } else {
      attempt.decision = decision
      attempt.onDecided(runResultOf(decision))
    }
  }

  function awaitBody(attempt: RunningAttempt): void {
    attempt.overAtMs = clock.monotonic()
    attempt.isOverrunning = true
    tally.of(attempt.live).overrunning += 1
    // A body that settles in the turn in which it was told to stop has not run on.
    setImmediate(() => {
      attempt.ranOn = !attempt.isBodySettled
    })
    attempt.abandonment = timers.after(attempt.live.options.abandonAfterMs, () => {
      publishOverrun(attempt)
      attempt.ranOn = false
      slotIsFree(attempt)
    })
  }

  function commit(attempt: RunningAttempt, decision: Decision): void {
    const { live } = attempt
    if (live.isLost) {
      concluded(attempt, false)
      return
    }
    unwritten += 1
    // A body that is over needs no slot while its outcome is written; but outcomes must not pile up without bound.
    if (attempt.isBodySettled && unwritten <= MAX_UNWRITTEN) attempt.releaseSlot()
    const { outcome, error, expected } = decision
    if (outcome.type === 'success') {
      settle(core, logStore, live, decision.state, NO_FACTS, done)
      return
    }
    const interrupt = outcome.type === 'interrupt' ? outcome.reason : undefined
    // What a shutdown requeues is given up in the same write: others can claim it at once.
    const state =
      interrupt === 'shutdown' && decision.state.status === 'pending'
        ? { ...decision.state, owner: null }
        : waitingState(live, decision.state)
    settle(core, logStore, live, state, { error, expected, interrupt }, done)
  }

  // One for all of them: until its outcome is written, an attempt is that of its task.
  function done(isOurs: boolean, { attempt }: LiveTask): void {
    unwritten -= 1
    if (attempt instanceof RunningAttempt) concluded(attempt, isOurs)
  }

  /** A retry that is far off waits in the store. */
  function waitingState(live: LiveTask, state: TaskState): TaskState {
    const leaves = state.status === 'retrying' && core.window.releasesRetry(live, state)
    return leaves ? { ...state, owner: null } : state
  }

  function concluded(attempt: RunningAttempt, isOurs: boolean): void {
    const { live } = attempt
    const tell = live.onAttemptOver
    live.onAttemptOver = undefined
    // All that looks at the state comes first: an inline engine may run the next attempt within `goOn`.
    if (isOurs) afterwards(attempt)
    // What a shutdown requeues is counted among what is left.
    const isLeft = core.phase === 'closing' && !isTerminal(live.state.status)
    const isGone = !isOurs || (live.state.owner !== core.id && !isLeft)
    if (isOurs && isGone && live.state.status === 'retrying') core.window.stored(live)
    let next: void | Promise<void> = undefined
    if (attempt.isBodySettled) next = goOn(attempt, isOurs)
    else goOnLater(attempt, isOurs)
    if (isGone) forget(core, live)
    if (tell === undefined) return
    if (next === undefined) tell()
    else void next.then(tell)
  }

  function goOn(attempt: RunningAttempt, isOurs: boolean): void | Promise<void> {
    attempt.live.attempt = undefined
    attempt.releaseSlot()
    return isOurs ? comeBack(attempt.live) : undefined
  }

  function goOnLater(attempt: RunningAttempt, isOurs: boolean): void {
    attempt.onSlotFree = () => goOn(attempt, isOurs)
  }

  function slotIsFree(attempt: RunningAttempt): void {
    attempt.abandonment?.cancel()
    attempt.isBodySettled = true
    if (attempt.isOverrunning) tally.of(attempt.live).overrunning -= 1
    attempt.isOverrunning = false
    const goOn = attempt.onSlotFree
    attempt.onSlotFree = undefined
    goOn?.()
  }

  /** A task that is not over waits for its next attempt. */
  function comeBack(live: LiveTask): void | Promise<void> {
    if (isTerminal(live.state.status) || live.state.owner !== core.id) return
    live.keepAlive = true
    return core.place(live)
  }

  function afterwards(attempt: RunningAttempt): void {
    const { live, input } = attempt
    const { status } = live.state
    if (status === 'retrying') runHooks(core, live, 'onRetry', input, live.failure)
    if (status === 'succeeded') runHooks(core, live, 'onSuccess', input)
    if (status === 'failed') runHooks(core, live, 'onError', input, live.failure)
    if (isTerminal(status)) {
      runHooks(core, live, 'onFinal', input)
      core.finished()
    }
  }

  function cancel(live: LiveTask, request: CancelRequest): void {
    const { attempt } = live
    if (!(attempt instanceof RunningAttempt) || attempt.isOver) return
    if (live.cancelRequest !== undefined) return
    live.cancelRequest = request
    if (bus.wanted['task.cancel_requested']) {
      bus.publish(lifecycle.cancelRequested(origin, live, clock.now(), request))
    }
    attempt.abort(new TaskCancelledError(live.id, live.name, request.reason))
    const deadline = timers.after(CANCEL_GRACE_MS, () => conclude(attempt, { type: 'cancelled' }))
    attempt.deadlines = [...(attempt.deadlines ?? []), deadline]
  }

  function interrupt(live: LiveTask): void {
    if (live.attempt instanceof RunningAttempt) conclude(live.attempt, { type: 'interrupted' })
  }

  return { ...endings, run, begin, cancel, interrupt }
}
