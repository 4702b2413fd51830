/** The options of an executor, checked. */

import type { Backend } from '../backends/backend.ts'
import type { Engine } from '../engines/engine.ts'
import type { Observer } from '../observers/observer.ts'
import type { Clock } from '../task/clock.ts'
import { checkConcurrency } from '../task/definition.ts'
import { durationMs, type Duration } from '../task/duration.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { LEVELS, parseLevel, SILENT, type LevelInput } from '../task/level.ts'
import type { EnqueueRetry } from '../task/enqueue-options.ts'
import type { ExecutionOptions } from '../task/options.ts'
import { ignoreRejection, reading } from '../task/reading.ts'
import { EXECUTION_OPTION_NAMES, resolveOptions } from '../task/resolve-options.ts'
import type { Task } from '../task/run-context.ts'
import { resolveEnqueueRetry, type EnqueueRetryPolicy } from './enqueue-retry.ts'
import { resolveRetention, type RetentionLimits, type RetentionOptions } from './retention.ts'

/** What is stored of a task's log lines. */
export interface LogStoreOptions {
  /** Lines from this level up are stored; `'none'` stores none. Default `'debug'`. */
  readonly store?: LevelInput | 'none' | undefined
  /** Per task; further lines are counted, not stored. Default 1,000. */
  readonly maxLines?: number | undefined
  /** Per task, characters of message and extra. Default 1 MiB. */
  readonly maxBytes?: number | undefined
  /** Whether the extra is stored with its line. Default false: it may hold what should not be kept. */
  readonly storeExtra?: boolean | undefined
}

export interface ExecutorOptions {
  /** The tasks that this executor runs; `executor.register` adds more. */
  readonly tasks?: readonly Task[] | undefined
  /** Where records are kept. Default: memory, gone with the process. */
  readonly backend?: Backend | undefined
  /** When and where attempts run. Default: this process. */
  readonly engine?: Engine | undefined
  /** Default: failures and warnings go to the fallback logger. `[]` silences it. */
  readonly observers?: readonly Observer[] | undefined
  /** Execution options of all tasks; definition and call win. */
  readonly defaults?: ExecutionOptions | undefined
  /** Attempts at once. Default 10. */
  readonly concurrency?: number | undefined
  /**
   * Waiting tasks of one queue that are held in memory, on a backend that keeps records; the rest waits in the store, where
   * any executor claims it: an integer from 1. Default 1,000.
   */
  readonly window?: number | undefined
  /** False only enqueues: nothing is claimed or run here. Default true. */
  readonly work?: boolean | undefined
  /** Records that may wait here before enqueue is refused. Default: what the backend says (memory 100,000). */
  readonly maxQueued?: number | undefined
  /** How an enqueue is tried again while the store is away. Default: 3 times within a second; `false`: never. */
  readonly enqueueRetry?: EnqueueRetry | false | undefined
  readonly logs?: LogStoreOptions | undefined
  /** How long finished records are kept. Default: 7 days, and at most 100,000 (1,000 when the backend is not durable). */
  readonly retention?: RetentionOptions | undefined
  /** How long shielded tasks, hooks included, run on at close. Default `'30s'`. */
  readonly shieldGrace?: Duration | undefined
  /** Closes on SIGTERM and SIGINT, beside other handlers; a second signal ends the process. Default false. */
  readonly handleSignals?: boolean | { readonly grace?: Duration | undefined } | undefined
  /** In events and as the owner of records: `/^[\w.:-]{1,128}$/`, unique per process start. Default: a uuid. */
  readonly id?: string | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
  /** Makes record ids from the time. Default: uuid v7. */
  readonly newId?: ((now: number) => string) | undefined
  /** For jitter; default `Math.random`. */
  readonly random?: (() => number) | undefined
}

/** Checked options, with their defaults. */
export interface ResolvedExecutorOptions {
  readonly tasks: readonly Task[]
  readonly observers: readonly Observer[] | undefined
  readonly defaults: ExecutionOptions
  readonly concurrency: number
  readonly work: boolean
  readonly window: number
  readonly maxQueued: number | undefined
  readonly enqueueRetry: EnqueueRetryPolicy
  readonly logFloor: number
  readonly maxLogLines: number
  readonly maxLogBytes: number
  readonly storeExtra: boolean
  readonly retention: readonly RetentionLimits[]
  /** Whether this executor removes finished records. */
  readonly sweeps: boolean
  readonly shieldGraceMs: number
  readonly signalGrace: Duration | undefined
  readonly id: string | undefined
}

export const ID_PATTERN: RegExp = /^[\w.:-]{1,128}$/
const WHERE = 'createExecutor: '
const NAMES: ReadonlySet<string> = new Set<keyof ExecutorOptions>([
  'tasks',
  'backend',
  'engine',
  'observers',
  'defaults',
  'concurrency',
  'work',
  'maxQueued',
  'window',
  'enqueueRetry',
  'logs',
  'retention',
  'shieldGrace',
  'handleSignals',
  'id',
  'clock',
  'newId',
  'random',
])

/** @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong */
export function resolveExecutorOptions(options: ExecutorOptions): ResolvedExecutorOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionsError('options', 'an object', options, WHERE)
  }
  for (const key of Object.keys(options)) {
    if (!NAMES.has(key)) {
      throw new InvalidOptionsError(
        key,
        'left out: there is no such option',
        (options as Record<string, unknown>)[key],
        WHERE,
      )
    }
  }
  const logs = group(options.logs, 'logs', ['store', 'maxLines', 'maxBytes', 'storeExtra'])
  const defaults = checkDefaults(options.defaults)
  const work = boolean(options.work, 'work') ?? true
  const { id, handleSignals } = options
  if (id !== undefined && (typeof id !== 'string' || !ID_PATTERN.test(id))) {
    throw new InvalidOptionsError('id', '1 to 128 letters, digits, "_", ".", ":" or "-"', id, WHERE)
  }
  for (const [name, methods] of [
    ['backend', ['insert', 'update', 'open']],
    ['engine', ['start', 'add', 'release']],
    ['clock', ['now', 'monotonic', 'setTimeout']],
  ] as const) {
    const part: unknown = options[name]
    if (part !== undefined && !hasMethods(part, methods)) {
      throw new InvalidOptionsError(name, `an object with ${methods.join(', ')}, …`, part, WHERE)
    }
  }
  for (const name of ['newId', 'random'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw new InvalidOptionsError(name, 'a function', options[name], WHERE)
    }
  }
  return {
    tasks: list<Task>(options.tasks, 'tasks') ?? [],
    observers: list<Observer>(options.observers, 'observers'),
    defaults,
    concurrency:
      options.concurrency === undefined
        ? 10
        : (checkConcurrency(options.concurrency, WHERE) ?? Infinity),
    work,
    window: window(options.window),
    maxQueued: maxQueued(options.maxQueued),
    enqueueRetry: resolveEnqueueRetry(options.enqueueRetry, WHERE),
    logFloor:
      logs['store'] === 'none'
        ? SILENT
        : LEVELS[parseLevel(logs['store'] ?? 'debug', 'logs.store')],
    maxLogLines: count(logs['maxLines'], 'logs.maxLines') ?? 1_000,
    maxLogBytes: count(logs['maxBytes'], 'logs.maxBytes') ?? 1_048_576,
    storeExtra: boolean(logs['storeExtra'], 'logs.storeExtra') ?? false,
    retention: resolveRetention(options.retention),
    // One that only enqueues must not remove by the defaults what its workers were told to keep.
    sweeps: work || options.retention !== undefined,
    shieldGraceMs: durationMs(options.shieldGrace ?? '30s', 'shieldGrace', WHERE),
    signalGrace: signalGrace(handleSignals),
    id,
  }
}

/** `newId` of a user: what it answers is checked like an id that a call gives. */
export function checkedIds(newId: (now: number) => string): (now: number) => string {
  return (now) => {
    const id: unknown = reading('newId', '', () => newId(now))
    if (typeof id === 'string' && ID_PATTERN.test(id)) return id
    ignoreRejection(id)
    throw new InvalidOptionsError(
      'newId',
      'a function that answers 1 to 128 letters, digits, "_", ".", ":" or "-"',
      id,
    )
  }
}

function checkDefaults(value: unknown): ExecutionOptions {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new InvalidOptionsError('defaults', 'an object', value, WHERE)
  for (const [key, item] of Object.entries(value)) {
    if (!EXECUTION_OPTION_NAMES.has(key)) {
      throw new InvalidOptionsError(
        `defaults.${key}`,
        'left out: there is no such option',
        item,
        WHERE,
      )
    }
  }
  resolveOptions(value, 'defaults: ')
  return { ...value }
}

function signalGrace(value: unknown): Duration | undefined {
  if (value === undefined || value === false) return undefined
  if (value === true) return '10s'
  const { grace } = group(value, 'handleSignals', ['grace'])
  durationMs(grace ?? '10s', 'handleSignals.grace', WHERE)
  return (grace as Duration | undefined) ?? '10s'
}

function group(
  value: unknown,
  option: string,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidOptionsError(option, `an object { ${keys.join(', ')} }`, value, WHERE)
  }
  for (const [key, item] of Object.entries(value)) {
    if (!keys.includes(key))
      throw new InvalidOptionsError(
        `${option}.${key}`,
        'left out: there is no such option',
        item,
        WHERE,
      )
  }
  return value as Record<string, unknown>
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

function list<T>(value: unknown, option: string): readonly T[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw new InvalidOptionsError(option, 'an array', value, WHERE)
  return value as readonly T[]
}

function count(value: unknown, option: string): number | undefined {
  if (value === undefined) return undefined
  if (
    typeof value === 'number' &&
    value >= 0 &&
    (Number.isSafeInteger(value) || value === Infinity)
  )
    return value
  throw new InvalidOptionsError(option, 'an integer from 0, or Infinity', value, WHERE)
}

function maxQueued(value: unknown): number | undefined {
  // None at all would refuse even what could start at once.
  if (value === 0)
    throw new InvalidOptionsError('maxQueued', 'an integer from 1, or Infinity', value, WHERE)
  return count(value, 'maxQueued')
}

function window(value: unknown): number {
  if (value === undefined) return 1_000
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidOptionsError('window', 'an integer from 1', value, WHERE)
}

function boolean(value: unknown, option: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw new InvalidOptionsError(option, 'true or false', value, WHERE)
}
