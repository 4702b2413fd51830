/** Runs the body of an attempt: its input parsed and checked, its scope set, its deadlines running. */

import { runInScope } from '../context/scope.ts'
import { adopt, isThenable } from '../events/bus.ts'
import { describeValue } from '../task/describe.ts'
import { TaskTimeoutError, type InputInvalidError } from '../task/errors.ts'
import { validateInput, type Validated } from '../task/validate.ts'
import type { Core } from './core.ts'
import type { Ending } from './decision.ts'
import type { RunningAttempt } from './running-attempt.ts'
import { runHooks } from './user-hooks.ts'

/** Who is told how it went; each at most once per attempt, `timedOut` before `ended`. */
export interface BodyEnds {
  /** The body was not called. */
  neverBegan(attempt: RunningAttempt, ending: Ending): void
  /** The body has settled. */
  ended(attempt: RunningAttempt, ending: Ending): void
  /** The deadline has passed, and the body was told to stop. */
  timedOut(attempt: RunningAttempt, ending: Ending): void
}

export function createBodyRunner(core: Core, ends: BodyEnds): (attempt: RunningAttempt) => void {
  function perform(attempt: RunningAttempt): void {
    const { live } = attempt
    const { inputJson } = live.spec
    const { parsedInput } = live
    live.parsedInput = undefined
    try {
      attempt.input =
        parsedInput === undefined && inputJson !== undefined ? JSON.parse(inputJson) : parsedInput
    } catch (error) {
      const why = error instanceof Error ? error.message : describeValue(error)
      const corrupt = new Error(`task "${live.name}": the stored input is not JSON: ${why}`)
      ends.neverBegan(attempt, { type: 'unrunnable', error: corrupt, reason: 'corrupt' })
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
        ends.neverBegan(attempt, unrunnable(validated.error))
      }
    }
    const validated = validateInput(schema, live.name, attempt.input)
    if (validated instanceof Promise) {
      attempt.bodySinceMs = undefined
      void validated.then(judge)
    } else {
      judge(validated)
    }
  }

  function invoke(attempt: RunningAttempt): void {
    const { live } = attempt
    const { options } = live
    if (options.timeoutMs !== undefined || options.softTimeoutMs !== undefined)
      setDeadlines(attempt)
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
          (value) => ends.ended(attempt, { type: 'resolved', value }),
          (error: unknown) => ends.ended(attempt, { type: 'rejected', error }),
        )
        return
      }
    } catch (error) {
      ends.ended(attempt, { type: 'rejected', error })
      return
    }
    ends.ended(attempt, { type: 'resolved', value: answer })
  }

  function callBody(attempt: RunningAttempt): unknown {
    const { live } = attempt
    core.loopWatch.enter(attempt.bodySinceMs)
    try {
      runHooks(core, live, 'onStart', attempt.input)
      return live.registered.task?.body(attempt.input, attempt.context)
    } finally {
      core.loopWatch.leave(attempt)
    }
  }

  function setDeadlines(attempt: RunningAttempt): void {
    const { name, options } = attempt.live
    const { timeoutMs, softTimeoutMs } = options
    attempt.deadlines = []
    if (softTimeoutMs !== undefined) {
      const error = (): TaskTimeoutError =>
        new TaskTimeoutError(name, softTimeoutMs, 'soft_timeout')
      attempt.deadlines.push(core.timers.after(softTimeoutMs, () => attempt.abort(error())))
    }
    if (timeoutMs !== undefined) {
      const expire = (): void => {
        const error = new TaskTimeoutError(name, timeoutMs)
        attempt.abort(error)
        ends.timedOut(attempt, { type: 'timeout', error })
      }
      attempt.deadlines.push(core.timers.after(timeoutMs, expire))
    }
  }

  return perform
}

/** One whose `then` is the language's own, and so settles once and never throws. */
function isPlainPromise(answer: PromiseLike<unknown>): boolean {
  return answer instanceof Promise && answer.then === Promise.prototype.then
}

function unrunnable(error: InputInvalidError): Ending {
  return { type: 'unrunnable', error, reason: 'invalid_input' }
}
