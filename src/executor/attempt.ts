/** Runs one attempt from its start to its outcome, and gives the slot back when its body is over. */

import type { RunOperation, RunResult } from '../observers/observer.ts'
import { runInScope } from '../context/scope.ts'
import { adopt, isThenable } from '../events/bus.ts'
import * as lifecycle from '../events/lifecycle.ts'
import { describeValue } from '../task/describe.ts'
import { TaskCancelledError, TaskInterruptedError, TaskTimeoutError, type InputInvalidError } from '../task/errors.ts'
import { attemptOf, maxAttemptsOf, type CancelRequest, type TaskState } from '../task/record.ts'
import { isTerminal } from '../task/status.ts'
import { transition } from '../task/transition.ts'
import { validateInput, type Validated } from '../task/validate.ts'
import { runAround } from './around.ts'
import type { Core } from './core.ts'
import { decide, isAbort, runResultOf, type Decision, type Ending } from './decide.ts'
import { announceStarted, type LiveTask } from './live-task.ts'
import type { LogStore } from './log-store.ts'
import { draftOf } from './new-record.ts'
import { RunningAttempt } from './running-attempt.ts'
import { forget, lose, NO_FACTS, settle, writeState } from './settle.ts'
import { runHooks } from './user-hooks.ts'

/** How long a body may take to settle after a cancel before the task ends without it. */
export const CANCEL_GRACE_MS = 5_000

export interface Attempts {
  /** Starts the next attempt of a pending task that holds a slot: the record first, then the body. */
  run(live: LiveTask): void
  /** Runs the body of a task that holds a slot and whose record says running. */
  begin(live: LiveTask): void
  /** Ends a task that is not running here. `then` is told whether the record was ours. */
  end(live: LiveTask, next: TaskState, then?: (isOurs: boolean) => void): void
  /** Settles a record whose attempt died with another process: requeued, interrupted, or failed. */
  recover(live: LiveTask, next: TaskState, then: (isOurs: boolean) => void): void
  /** Asks a running attempt to stop: it has 5 s to settle. */
  cancel(attempt: RunningAttempt, request: CancelRequest): void
  /** Ends a running attempt because the executor goes away or lost the record; its body is told first. */
  interrupt(attempt: RunningAttempt): void
}

export function createAttempts(core: Core, logStore: LogStore): Attempts {
  const { clock, bus, origin, timers } = core

  function run(live: LiveTask): void {
    // It has left the queue, whatever becomes of it: there is room for another.
    if (core.onRoom.size > 0) for (const tell of core.onRoom) tell()
    const now = clock.now()
    const request = live.cancelRequest
    if (request !== undefined) {
      core.engine.release(live)
      end(live, transition(live.spec, live.state, { type: 'cancel', ...request }, now))
      return
    }
    if (live.spec.expiresAt !== undefined && live.spec.expiresAt <= now) {
      core.engine.release(live)
      end(live, transition(live.spec, live.state, { type: 'expire' }, now))
      return
    }
    // Due in the store only when it starts: the step between is ours alone.
    const due = transition(live.spec, live.state, { type: 'due' }, now)
    const next = transition(live.spec, due, { type: 'start' }, now)
    live.isSettling = true
    const answer = writeState(core, live, next)
    if (!(answer instanceof Promise)) {
      started(live, next, answer[0] === 'ok')
    } else if (live.spec.requeueOnInterrupt) {
      // Written behind: after a crash it would be run again in any case.
      const arrived = (isOurs: boolean): void => {
        // An end that was written meanwhile proves that the start was, whatever became of its reply.
        if (live.startBehind !== behind) return
        live.startBehind = undefined
        // While an end is being written, its answer decides: it may have gone in between the start and this reply.
        if (isOurs || live.isSettling) return
        lose(core, live)
        if (live.attempt === undefined) return
        live.attempt.abort(new TaskInterruptedError(live.id, live.name, 'lease_lost'))
        interrupt(live.attempt)
      }
      const behind = answer.then(
        (results) => arrived(results[0] === 'ok'),
        () => arrived(false),
      )
      live.startBehind = behind
      started(live, next, true)
    } else {
      answer.then(
        (results) => started(live, next, results[0] === 'ok'),
        () => started(live, next, false),
      )
    }
  }

  function started(live: LiveTask, next: TaskState, isOurs: boolean): void {
    live.isSettling = false
    if (!isOurs) {
      lose(core, live)
      core.engine.release(live)
      forget(core, live)
      return
    }
    live.state = next
    begin(live)
  }

  function begin(live: LiveTask): void {
    const attempt = new RunningAttempt(core, live, logStore, clock.monotonic())
    live.attempt = attempt
    live.hasSlot = false
    if (bus.wanted['attempt.started']) {
      bus.publish(lifecycle.attemptStarted(origin, live, live.state.startedAt ?? clock.now()))
    }
    announceStarted(live)
    const request = live.cancelRequest
    if (request !== undefined) {
      // Asked for while the start was being written: the body is not begun.
      attempt.isBodySettled = true
      attempt.abort(new TaskCancelledError(live.id, live.name, request.reason))
      conclude(attempt, { type: 'cancelled' })
      return
    }
    if (core.around.wrapRun.length === 0) {
      perform(attempt)
      return
    }
    const operation: RunOperation = {
      task: draftOf(live.spec, live.state),
      attempt: attemptOf(live.state),
      maxAttempts: maxAttemptsOf(live.spec, live.state),
      recoveries: live.state.recoveries,
      startedAt: live.state.startedAt ?? clock.now(),
      carrier: live.spec.traceContext ?? {},
      context: live.fields,
      get signal() {
        return attempt.abortSignal()
      },
    }
    const body = (): Promise<RunResult> =>
      new Promise((resolve) => {
        attempt.onDecided = resolve
        perform(attempt)
      })
    void runAround(core.aroundHost, core.around.wrapRun, 'wrapRun', operation, body).then(() => {
      if (attempt.decision !== undefined) commit(attempt, attempt.decision)
    })
  }

  function perform(attempt: RunningAttempt): void {
    const { live } = attempt
    const { inputJson } = live.spec
    try {
      attempt.input = inputJson === undefined ? undefined : JSON.parse(inputJson)
    } catch (error) {
      const why = error instanceof Error ? error.message : describeValue(error)
      const corrupt = new Error(`task "${live.name}": the stored input is not JSON: ${why}`)
      bodyNeverBegan(attempt, { type: 'unrunnable', error: corrupt, reason: 'corrupt' })
      return
    }
    const schema = live.registered.task?.schema
    if (schema === undefined || !live.options.validate) {
      invoke(attempt)
      return
    }
    const judge = (validated: Validated): void => {
      if (attempt.isOver) return
      if (validated.ok) {
        attempt.input = validated.value
        invoke(attempt)
      } else {
        bodyNeverBegan(attempt, unrunnable(validated.error))
      }
    }
    const validated = validateInput(schema, live.name, attempt.input)
    if (validated instanceof Promise) void validated.then(judge)
    else judge(validated)
  }

  function bodyNeverBegan(attempt: RunningAttempt, ending: Ending): void {
    attempt.isBodySettled = true
    conclude(attempt, ending)
  }

  function invoke(attempt: RunningAttempt): void {
    const { live } = attempt
    const { options } = live
    if (options.timeoutMs !== undefined || options.softTimeoutMs !== undefined) setDeadlines(attempt)
    let answer: unknown
    try {
      // With around-hooks their async context has to reach the body; without, the base context does.
      answer =
        core.around.wrapRun.length === 0
          ? core.base.runScoped(attempt, callBody, attempt)
          : runInScope(attempt, () => callBody(attempt))
      if (isThenable(answer)) {
        const promise = isPlainPromise(answer) ? answer : adopt(answer)
        promise.then(
          (value) => bodyEnded(attempt, { type: 'resolved', value }),
          (error: unknown) => bodyEnded(attempt, { type: 'rejected', error }),
        )
        return
      }
    } catch (error) {
      bodyEnded(attempt, { type: 'rejected', error })
      return
    }
    bodyEnded(attempt, { type: 'resolved', value: answer })
  }

  function callBody(attempt: RunningAttempt): unknown {
    const { live } = attempt
    runHooks(core, live, 'onStart', attempt.input)
    return live.registered.task?.body(attempt.input, attempt.context)
  }

  function setDeadlines(attempt: RunningAttempt): void {
    const { name, options } = attempt.live
    const { timeoutMs, softTimeoutMs } = options
    attempt.deadlines = []
    if (softTimeoutMs !== undefined) {
      const error = (): TaskTimeoutError => new TaskTimeoutError(name, softTimeoutMs, 'soft_timeout')
      attempt.deadlines.push(timers.after(softTimeoutMs, () => attempt.abort(error())))
    }
    if (timeoutMs !== undefined) {
      const expire = (): void => {
        const error = new TaskTimeoutError(name, timeoutMs)
        attempt.abort(error)
        conclude(attempt, { type: 'timeout', error })
      }
      attempt.deadlines.push(timers.after(timeoutMs, expire))
    }
  }

  function bodyEnded(attempt: RunningAttempt, ending: Ending): void {
    const isLate = attempt.isOver
    attempt.isBodySettled = true
    if (!isLate) {
      conclude(attempt, ending)
      return
    }
    if (attempt.ranOn) publishOverrun(attempt)
    const isRefused = ending.type === 'resolved' || (ending.type === 'rejected' && !isAbort(ending.error, attempt.abortReason))
    if (isRefused && bus.wanted['attempt.discarded'] && !attempt.live.isLost) {
      bus.publish(lifecycle.attemptDiscarded(origin, attempt.live, attempt.state, clock.now(), 'late'))
    }
    slotIsFree(attempt)
  }

  function publishOverrun(attempt: RunningAttempt): void {
    if (!bus.wanted['attempt.overrun']) return
    const overrunMs = Math.max(0, Math.round(clock.monotonic() - attempt.overAtMs))
    bus.publish(lifecycle.attemptOverrun(origin, attempt.live, attempt.state, clock.now(), overrunMs))
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
    const done = (isOurs: boolean): void => concluded(attempt, isOurs)
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
        : decision.state
    settle(core, logStore, live, state, { error, expected, interrupt }, done)
  }

  function concluded(attempt: RunningAttempt, isOurs: boolean): void {
    const { live } = attempt
    const goOn = (): void => {
      live.attempt = undefined
      core.engine.release(live)
      if (isOurs) comeBack(live)
    }
    if (attempt.isBodySettled) goOn()
    else attempt.onSlotFree = goOn
    if (isOurs) afterwards(attempt)
    // What a shutdown requeues is counted among what is left.
    const isLeft = core.phase === 'closing' && !isTerminal(live.state.status)
    if (!isOurs || (live.state.owner !== core.id && !isLeft)) forget(core, live)
    const tell = live.onAttemptOver
    live.onAttemptOver = undefined
    tell?.()
  }

  function slotIsFree(attempt: RunningAttempt): void {
    attempt.abandonment?.cancel()
    attempt.isBodySettled = true
    const goOn = attempt.onSlotFree
    attempt.onSlotFree = undefined
    goOn?.()
  }

  /** A task that is not over waits for its next attempt. */
  function comeBack(live: LiveTask): void {
    if (isTerminal(live.state.status) || live.state.owner !== core.id) return
    live.keepAlive = true
    core.place(live)
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

  function end(live: LiveTask, next: TaskState, then?: (isOurs: boolean) => void): void {
    const interrupt = next.status === 'interrupted' ? 'shutdown' : undefined
    settle(core, logStore, live, next, { interrupt }, (isOurs) => {
      if (isOurs) {
        runHooks(core, live, 'onFinal', undefined)
        core.finished()
      }
      forget(core, live)
      then?.(isOurs)
    })
  }

  function recover(live: LiveTask, next: TaskState, then: (isOurs: boolean) => void): void {
    settle(core, logStore, live, next, { interrupt: 'crash' }, (isOurs) => {
      if (isOurs && isTerminal(next.status)) {
        if (next.status === 'failed') runHooks(core, live, 'onError', undefined, next.error)
        runHooks(core, live, 'onFinal', undefined)
        core.finished()
      }
      if (!isOurs || isTerminal(next.status)) forget(core, live)
      then(isOurs)
    })
  }

  function cancel(attempt: RunningAttempt, request: CancelRequest): void {
    const { live } = attempt
    live.cancelRequest = request
    if (bus.wanted['task.cancel_requested']) {
      bus.publish(lifecycle.cancelRequested(origin, live, clock.now(), request))
    }
    attempt.abort(new TaskCancelledError(live.id, live.name, request.reason))
    const deadline = timers.after(CANCEL_GRACE_MS, () => conclude(attempt, { type: 'cancelled' }))
    attempt.deadlines = [...(attempt.deadlines ?? []), deadline]
  }

  function interrupt(attempt: RunningAttempt): void {
    conclude(attempt, { type: 'interrupted' })
  }

  return { run, begin, end, recover, cancel, interrupt }
}

/** One whose `then` is the language's own, and so settles once and never throws. */
function isPlainPromise(answer: PromiseLike<unknown>): boolean {
  return answer instanceof Promise && answer.then === Promise.prototype.then
}

function unrunnable(error: InputInvalidError): Ending {
  return { type: 'unrunnable', error, reason: 'invalid_input' }
}
