/** A task's log lines and progress: capped, gathered per turn of the event loop, and written as one chunk. */

import { messageText } from '../context/task-log.ts'
import { taskLogged, taskProgressed } from '../events/lifecycle.ts'
import type { LogPatch, StoredLogs } from '../backends/backend.ts'
import { LEVELS, SILENT, type Level } from '../task/level.ts'
import { clip, flatFields, plainFields } from '../task/plain-data.ts'
import type { Json } from '../task/json.ts'
import { attemptOf, type ContextFields, type LogLine } from '../task/record.ts'
import { serializeError, type SerializedError } from '../task/serialized-error.ts'
import { describeValue } from '../task/describe.ts'
import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import { callStore } from './persist.ts'

const PROGRESS_EVENT_INTERVAL_MS = 1_000

export interface LogStore {
  /** Takes a line: to the buffer and to the observers. Never throws. */
  write(
    live: LiveTask,
    fields: ContextFields | undefined,
    level: Level,
    message: unknown,
    extra: unknown,
    unknownLevel: unknown,
  ): void
  progress(live: LiveTask, done: unknown, total: unknown): void
  /** Hands what is buffered to the store, before a state that follows it. */
  flush(live: LiveTask): void
}

export function createLogStore(core: Core): LogStore {
  const { options, bus, origin, clock } = core
  const dirty = new Set<LiveTask>()
  const lastProgressEvent = new WeakMap<
    LiveTask,
    { readonly at: number; readonly isComplete: boolean }
  >()
  let flushIsDue = false

  function markDirty(live: LiveTask): void {
    if (live.logs.isDirty) return
    live.logs.isDirty = true
    dirty.add(live)
    if (flushIsDue) return
    flushIsDue = true
    core.base.run(() => setImmediate(flushAll))
  }

  function flushAll(): void {
    flushIsDue = false
    for (const live of dirty) flush(live)
  }

  function flush(live: LiveTask): void {
    if (!live.hasUnwrittenLogs) return
    const { logs } = live
    logs.isDirty = false
    dirty.delete(live)
    if (live.isLost || live.state.owner !== core.id) return
    const { fence } = live.state
    if (logs.fence !== fence) {
      logs.fence = fence
      logs.dropped -= logs.droppedTold
    }
    logs.droppedTold = logs.dropped
    const patch: LogPatch = {
      id: live.id,
      position: live.position,
      owner: core.id,
      fence,
      lines: logs.lines,
      chunk: logs.chunk,
      dropped: logs.dropped,
      progress: logs.progress,
    }
    logs.lines = []
    logs.chunk += 1
    append(patch, 2)
  }

  // Logs are not worth stopping a task for: tried three times, then reported and let go.
  function append(patch: LogPatch, triesLeft: number): void {
    const again = (error: unknown): void => {
      core.reportBackendError('append', error)
      if (triesLeft > 0) core.timers.after(100, () => append(patch, triesLeft - 1), false)
    }
    try {
      const answer = callStore(core, 'persist', 'append', () => core.backend.append([patch]))
      if (answer instanceof Promise) answer.catch(again)
    } catch (error) {
      again(error)
    }
  }

  function store(live: LiveTask, line: LogLine, size: number): void {
    const { logs } = live
    if (logs.stored >= options.maxLogLines || logs.bytes + size > options.maxLogBytes) {
      logs.dropped += 1
    } else {
      logs.stored += 1
      logs.bytes += size
      if (logs.isDirty) logs.lines.push(line)
      else logs.lines = [line]
    }
    markDirty(live)
  }

  return {
    write(live, bound, level, message, extra, unknownLevel) {
      const rank = LEVELS[level]
      const stored = rank >= options.logFloor
      const published = rank >= bus.logFloor
      if (!stored && !published) return
      live.attempt?.countLine(level)
      const time = clock.now()
      const text = clip(messageText(message))
      const { fields, error } = readExtra(extra, unknownLevel)
      if (stored) {
        const keepsExtra = options.storeExtra && fields !== undefined
        const line: LogLine = {
          time,
          level,
          attempt: attemptOf(live.state),
          message: text,
          ...(keepsExtra ? { extra: fields } : undefined),
        }
        store(live, line, sizeOf(line))
      }
      if (!published) return
      const task =
        bound === live.fields ? live : { spec: live.spec, state: live.state, fields: bound }
      bus.publish(taskLogged(origin, task, time, level, text, fields, error))
    },
    progress(live, done, total) {
      if (!isCount(done) || (total !== undefined && !isCount(total))) {
        const got = `done ${describeValue(done)}, total ${describeValue(total)}`
        this.write(
          live,
          live.fields,
          'warning',
          `progress was ignored: expected numbers from 0, got ${got}`,
          undefined,
          undefined,
        )
        return
      }
      const progress = total === undefined ? { done } : { done, total }
      live.logs.progress = progress
      if (!live.logs.isDirty) live.logs.lines = []
      markDirty(live)
      if (!bus.wanted['task.progress']) return
      const now = clock.monotonic()
      const last = lastProgressEvent.get(live)
      // The end of it is not kept back, but is told once.
      const isComplete = done === total
      const wasComplete = last?.isComplete === true
      if (
        last !== undefined &&
        now - last.at < PROGRESS_EVENT_INTERVAL_MS &&
        (!isComplete || wasComplete)
      )
        return
      lastProgressEvent.set(live, { at: now, isComplete })
      bus.publish(taskProgressed(origin, live, clock.now(), progress))
    },
    flush,
  }
}

// What a line counts towards `maxBytes`.
function sizeOf({ message, extra }: LogLine): number {
  return message.length + (extra === undefined ? 0 : JSON.stringify(extra).length)
}

/**
 * Counts what earlier owners of a record have stored, so that its caps hold over recoveries. A promise unless the
 * store answers at once. When it does not answer, the count begins anew: logs are not worth stopping a task for.
 */
export function countStoredLogs(core: Core, live: LiveTask): void | Promise<void> {
  if (live.state.starts === 0 || core.options.logFloor === SILENT) return undefined
  const count = ({ lines }: StoredLogs): void => {
    if (lines.length === 0) return
    live.logs.stored += lines.length
    for (const line of lines) live.logs.bytes += sizeOf(line)
  }
  const failed = (error: unknown): void => core.reportBackendError('logs', error)
  try {
    const answer = callStore(core, 'poll', 'logs', () => core.backend.logs(live.id))
    return answer instanceof Promise ? answer.then(count).catch(failed) : count(answer)
  } catch (error) {
    return failed(error)
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

interface Extra {
  readonly fields: Readonly<Record<string, Json>> | undefined
  readonly error: SerializedError | undefined
}

const NO_EXTRA: Extra = { fields: undefined, error: undefined }

// An error may be the extra itself, or stand in it under `error` or `err`.
function readExtra(extra: unknown, unknownLevel: unknown): Extra {
  if (extra === undefined && unknownLevel === undefined) return NO_EXTRA
  let error: SerializedError | undefined
  let fields = flatFields(extra)
  // No error is in flat fields.
  if (fields === undefined && isError(extra)) {
    error = serializeError(extra)
  } else if (fields === undefined) {
    fields = plainFields(extra)
    const inner = errorIn(extra)
    if (inner !== undefined) error = serializeError(inner)
  }
  if (unknownLevel !== undefined) {
    fields = Object.freeze({ ...fields, unknownLevel: clip(messageText(unknownLevel), 100) })
  }
  return { fields, error }
}

// A Proxy may throw at being asked what it is.
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

function errorIn(extra: unknown): Error | undefined {
  if (typeof extra !== 'object' || extra === null) return undefined
  try {
    const { error, err } = extra as { error?: unknown; err?: unknown }
    return error instanceof Error ? error : err instanceof Error ? err : undefined
  } catch {
    return undefined
  }
}
