/** Builds events that are about the executor and not about one task. */

import type * as event from './event.ts'
import type { EventOrigin } from './lifecycle.ts'

type ExecutorFields<Type extends event.ExecutorEvent['type']> = Omit<
  event.EventOf<Type>,
  'type' | 'level' | 'time' | 'seq' | 'executorId'
>

const EXECUTOR_LEVELS: {
  readonly [Type in event.ExecutorEvent['type']]: event.EventOf<Type>['level']
} = {
  'executor.started': 'info',
  'executor.closed': 'info',
  'executor.loop_blocked': 'warning',
  'executor.unknown_task': 'warning',
  'queue.paused': 'info',
  'queue.resumed': 'info',
  'observer.error': 'warning',
  'observer.dropped': 'warning',
  'backend.error': 'warning',
}

/** Any event that is about the executor and not about one task. */
export function executorEvent<Type extends event.ExecutorEvent['type']>(
  origin: EventOrigin,
  type: Type,
  time: number,
  fields: ExecutorFields<Type>,
): event.EventOf<Type> {
  origin.seq += 1
  const { executorId, seq } = origin
  for (const value of Object.values(fields)) Object.freeze(value)
  const built = { type, level: EXECUTOR_LEVELS[type], time, seq, executorId, ...fields }
  return Object.freeze(built) as unknown as event.EventOf<Type>
}
