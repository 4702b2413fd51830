/** Functions a user attaches to a task's turning points. They observe: nothing they do changes the task. */

import type { Tags } from './tags.ts'

/** What a hook is given of its task. */
export interface HookTask {
  readonly id: string
  readonly name: string
  readonly label: string | undefined
  /** The input as the body gets it; as it was enqueued when the task ended before its body was reached. */
  readonly input: unknown
  readonly tags: Tags
  /** Zero-based. */
  readonly attempt: number
  /** The task's body, as a plain call. */
  readonly run: (input: unknown) => unknown
}

export type TaskHook = (task: HookTask) => unknown
/** `error` is the original error where the task ran in this process. */
export type TaskErrorHook = (task: HookTask, error: unknown) => unknown

/**
 * Hooks run after the record says what they report, synchronously started, not waited for by the task. One that
 * throws, rejects or is still pending after 30 s is reported as `hook.error` and changes nothing.
 */
export interface TaskHooks {
  /** Before the body of every attempt. */
  readonly onStart?: TaskHook | readonly TaskHook[] | null | undefined
  /** After a failure that will be retried. */
  readonly onRetry?: TaskErrorHook | readonly TaskErrorHook[] | null | undefined
  /** Once, when the task has succeeded. */
  readonly onSuccess?: TaskHook | readonly TaskHook[] | null | undefined
  /** Once, when the task has failed for good, timeout included. */
  readonly onError?: TaskErrorHook | readonly TaskErrorHook[] | null | undefined
  /** Once, at any terminal status. */
  readonly onFinal?: TaskHook | readonly TaskHook[] | null | undefined
}

export const HOOK_NAMES: readonly (keyof TaskHooks)[] = [
  'onStart',
  'onRetry',
  'onSuccess',
  'onError',
  'onFinal',
]
