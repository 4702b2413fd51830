/** The public entries, each with what is thrown at it. */

import type { Entry } from '../hostile.ts'
import { BUFFER_ENTRIES } from './buffer-entries.ts'
import { ENQUEUE_ENTRIES } from './enqueue-entries.ts'
import { EXECUTOR_ENTRIES } from './executor-entries.ts'
import { OBSERVER_ENTRIES } from './observer-entries.ts'
import { TASK_ENTRIES } from './task-entries.ts'

export const ENTRIES: readonly Entry[] = [
  ...EXECUTOR_ENTRIES,
  ...ENQUEUE_ENTRIES,
  ...TASK_ENTRIES,
  ...OBSERVER_ENTRIES,
  ...BUFFER_ENTRIES,
]
