/** What an around-hook is told of an attempt. */

import type { RunOperation, TaskDraft } from '../observers/observer.ts'
import type { Clock } from '../task/clock.ts'
import { attemptOf, maxAttemptsOf, type ContextFields } from '../task/record.ts'
import { previousCarrier } from './attempt-carrier.ts'
import { draftOf } from './new-record.ts'
import type { RunningAttempt } from './running-attempt.ts'

// A class for its getter: in an object literal, it gives every object a shape of its own, and costs more than the rest.
export class AttemptOperation implements RunOperation {
  readonly task: TaskDraft
  readonly attempt: number
  readonly maxAttempts: number
  readonly recoveries: number
  readonly startedAt: number
  readonly carrier: Readonly<Record<string, string>>
  readonly previousCarrier: Readonly<Record<string, string>> | undefined
  readonly attemptCarrier: Record<string, string>
  readonly context: ContextFields | undefined
  readonly #running: RunningAttempt

  constructor(running: RunningAttempt, clock: Clock, attemptCarrier: Record<string, string>) {
    const { spec, state, options, fields } = running.live
    this.task = draftOf(spec, state, options)
    this.attempt = attemptOf(state)
    this.maxAttempts = maxAttemptsOf(spec, state)
    this.recoveries = state.recoveries
    this.startedAt = state.startedAt ?? clock.now()
    this.carrier = spec.traceContext ?? {}
    this.previousCarrier = previousCarrier(state)
    this.attemptCarrier = attemptCarrier
    this.context = fields
    this.#running = running
  }

  get signal(): AbortSignal {
    return this.#running.abortSignal()
  }
}
