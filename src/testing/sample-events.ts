/** One event of each type: what an observer must be able to take. */

import type { EventOf, EventType, PlainsightEvent, TaskEventBase } from '../events/event.ts'
import type { SerializedError } from '../task/serialized-error.ts'

/** One frozen event of each type, in the order of `event.ts`, with ascending `seq`. */
export function sampleEvents(): readonly PlainsightEvent[] {
  return Object.values(samples()).map((event, index) => deepFreeze({ ...event, seq: index + 1 }))
}

const error: SerializedError = {
  name: 'TypeError',
  message: 'card declined\nby the bank',
  code: 'DECLINED',
  stack: 'TypeError: card declined\nby the bank\n    at charge (file:///app/charge.ts:12:9)',
  fields: { statusCode: 402 },
  cause: {
    name: 'Error',
    message: 'code 51',
    stack: 'Error: code 51\n    at reply (file:///app/gateway.ts:3:1)',
    fingerprint: '0f1e2d3c4b5a6978',
  },
  fingerprint: 'e1178b2125517c50',
}

type Samples = { readonly [Type in EventType]: EventOf<Type> }

function samples(): Samples {
  const task = taskFields()
  const executor = { time: task.time, seq: 0, executorId: task.executorId }
  const ended = { durationMs: 1_234.5, totalMs: 20_000 }
  return {
    'task.enqueued': {
      ...task,
      type: 'task.enqueued',
      level: 'debug',
      status: 'pending',
      runAt: task.time,
      priority: 5,
      source: 'api',
    },
    'task.scheduled': {
      ...task,
      type: 'task.scheduled',
      level: 'debug',
      status: 'scheduled',
      runAt: task.time + 60_000,
      priority: 0,
      source: 'retry',
      retryOf: task.rootId,
    },
    'task.deduplicated': {
      ...task,
      type: 'task.deduplicated',
      level: 'debug',
      idempotencyKey: 'invoice-42',
    },
    'attempt.started': { ...task, type: 'attempt.started', level: 'info', waitMs: 3.5 },
    'task.log': {
      ...task,
      type: 'task.log',
      level: 'info',
      message: 'Initiating payment',
      extra: { userId: 'u1', amount: 9, nested: { list: [1, 'two', null] } },
      error,
    },
    'task.progress': { ...task, type: 'task.progress', level: 'debug', done: 3, total: 10 },
    'attempt.summary': {
      ...task,
      type: 'attempt.summary',
      level: 'debug',
      status: 'retrying',
      outcome: 'failed',
      reason: 'error',
      error: {
        name: error.name,
        message: error.message,
        code: 'DECLINED',
        fingerprint: error.fingerprint,
      },
      startedAt: task.time - 12,
      endedAt: task.time,
      waitMs: 3.5,
      runMs: 12,
      persistMs: 0.8,
      loopDelayMs: 4.2,
      inputBytes: 34,
      resultBytes: 0,
      logCounts: { info: 2, warning: 1 },
      traceId: '0af7651916cd43dd8448eb211c80319c',
      worker: task.executorId,
    },
    'attempt.failed': {
      ...task,
      type: 'attempt.failed',
      level: 'warning',
      status: 'retrying',
      error,
      reason: 'error',
      durationMs: 12,
      retryAt: task.time + 1_200,
    },
    'task.retrying': {
      ...task,
      type: 'task.retrying',
      level: 'debug',
      status: 'retrying',
      retryAt: task.time + 1_200,
      delayMs: 1_200,
    },
    'task.succeeded': {
      ...task,
      ...ended,
      type: 'task.succeeded',
      level: 'info',
      status: 'succeeded',
      resultBytes: 0,
      resultError: error,
    },
    'task.failed': {
      ...task,
      ...ended,
      type: 'task.failed',
      level: 'error',
      status: 'failed',
      error,
      reason: 'timeout',
    },
    'task.cancel_requested': {
      ...task,
      type: 'task.cancel_requested',
      level: 'info',
      reason: 'no longer needed',
      by: 'ops',
    },
    'task.cancelled': {
      ...task,
      ...ended,
      type: 'task.cancelled',
      level: 'warning',
      status: 'cancelled',
      reason: 'no longer needed',
      by: 'ops',
    },
    'task.interrupted': {
      ...task,
      ...ended,
      type: 'task.interrupted',
      level: 'warning',
      status: 'interrupted',
      reason: 'crash',
    },
    'task.requeued': {
      ...task,
      type: 'task.requeued',
      level: 'warning',
      status: 'pending',
      reason: 'lease_lost',
    },
    'task.expired': {
      ...task,
      type: 'task.expired',
      level: 'warning',
      status: 'expired',
      expiredAt: task.time,
      totalMs: 60_000,
    },
    'attempt.overrun': { ...task, type: 'attempt.overrun', level: 'warning', overrunMs: 30_000 },
    'attempt.discarded': { ...task, type: 'attempt.discarded', level: 'warning', reason: 'late' },
    'hook.error': { ...task, type: 'hook.error', level: 'warning', hook: 'onSuccess', error },
    'executor.started': {
      ...executor,
      type: 'executor.started',
      level: 'info',
      backend: 'sqlite',
      engine: 'local',
      recovered: { claimed: 2, requeued: 1, interrupted: 0, failed: 0 },
    },
    'executor.closed': {
      ...executor,
      type: 'executor.closed',
      level: 'info',
      durationMs: 812,
      left: { pending: 3 },
    },
    'executor.loop_blocked': {
      ...executor,
      type: 'executor.loop_blocked',
      level: 'warning',
      blockedMs: 412,
      by: [
        { taskId: task.taskId, taskName: task.taskName, attempt: 1, blockedMs: 380 },
        { observer: 'pager', blockedMs: 30 },
      ],
      running: [{ taskId: task.taskId, taskName: task.taskName, attempt: 1 }],
    },
    'executor.unknown_task': {
      ...executor,
      type: 'executor.unknown_task',
      level: 'warning',
      name: 'gone',
      count: 2,
    },
    'queue.paused': { ...executor, type: 'queue.paused', level: 'info', queue: 'mail', by: 'ops' },
    'queue.resumed': { ...executor, type: 'queue.resumed', level: 'info', queue: '*' },
    'observer.error': {
      ...executor,
      type: 'observer.error',
      level: 'warning',
      observer: 'pager',
      error,
      count: 3,
    },
    'observer.dropped': {
      ...executor,
      type: 'observer.dropped',
      level: 'warning',
      observer: 'pager',
      count: 12,
    },
    'backend.error': {
      ...executor,
      type: 'backend.error',
      level: 'warning',
      operation: 'insert',
      code: 'SQLITE_BUSY',
      error,
      count: 1,
    },
  }
}

function taskFields(): Omit<TaskEventBase, 'type' | 'level'> {
  return {
    time: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    seq: 0,
    executorId: 'executor-1',
    taskId: '019b7c6e-4d3e-7a11-8b22-c0ffee5f0c1a',
    taskName: 'charge-card',
    label: 'charge u1',
    attempt: 1,
    retriesUsed: 1,
    status: 'running',
    tags: { plan: 'pro', region: 'eu' },
    queue: 'default',
    parentId: '019b7c6e-0000-7a11-8b22-c0ffee5f0c00',
    rootId: '019b7c6e-0000-7a11-8b22-c0ffee5f0c00',
    traceContext: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    context: { requestId: 'req-7', user: { id: 'u1' } },
  }
}

/** Freezes `value` and all that is in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const item of Object.values(value)) deepFreeze(item)
  }
  return value
}
