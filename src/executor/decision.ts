/** How an attempt ended, and what was decided of it. */

import type { TaskTimeoutError } from '../task/errors.ts'
import type { Outcome } from '../task/outcome.ts'
import type { TaskState } from '../task/record.ts'
import type { SerializedError } from '../task/serialized-error.ts'

/** How an attempt came to its end. */
export type Ending =
  | { readonly type: 'resolved'; readonly value: unknown }
  | { readonly type: 'rejected'; readonly error: unknown }
  | { readonly type: 'timeout'; readonly error: TaskTimeoutError }
  /** It never reached the body: the stored input cannot be read, or does not satisfy the schema any more. */
  | {
      readonly type: 'unrunnable'
      readonly error: Error
      readonly reason: 'invalid_input' | 'corrupt'
    }
  /** A cancel whose time to settle is over. */
  | { readonly type: 'cancelled' }
  /** The executor goes away. */
  | { readonly type: 'interrupted' }

/** What the end of an attempt makes of its task. */
export interface Decision {
  readonly outcome: Outcome
  readonly state: TaskState
  /** The error as events show it; the stored one may say less. */
  readonly error: SerializedError | undefined
  readonly expected: boolean
  /** What the body threw, or its timeout. */
  readonly thrown: unknown
}
