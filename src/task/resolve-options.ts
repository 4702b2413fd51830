/** Checks execution options and gives every one its value. Each check names the option, what is expected and what came. */

import { durationMs } from './duration.ts'
import { InvalidOptionsError } from './errors.ts'
import { HOOK_NAMES, type TaskHooks } from './hooks.ts'
import type {
  Backoff,
  BackoffFunction,
  ErrorClass,
  ExecutionOptions,
  RunOptions,
  StoredOptions,
} from './options.ts'
import { isPropagation, PROPAGATION_TEXT } from './options.ts'
import { HEADER_LIMITS, stringMap, TAG_LIMITS } from './tags.ts'

export const QUEUE_PATTERN: RegExp = /^[\w.-]{1,100}$/
export const MAX_PRIORITY = 1_000_000
const MAX_LABEL = 200
const DEFAULT_MAX_RESULT_BYTES = 1_048_576
const DEFAULT_ABANDON_MS = 30_000
const DEFAULT_BACKOFF: Backoff = { delayMs: 1_000, factor: 2, maxMs: 3_600_000, jitter: 'full' }

/**
 * Resolves merged `options`. `where` begins the message, such as `task "charge-card": `.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong, or for a softTimeout above timeout
 */
export function resolveOptions(options: ExecutionOptions, where: string): RunOptions {
  const read = reader(options, where)
  const retries = read('retries', isRetries, 'an integer from 0, or Infinity') ?? 0
  const timeoutMs = read.duration('timeout')
  const softTimeoutMs = read.duration('softTimeout')
  if (softTimeoutMs !== undefined && timeoutMs !== undefined && softTimeoutMs > timeoutMs) {
    throw new InvalidOptionsError(
      'softTimeout',
      `at most timeout (${timeoutMs} ms)`,
      softTimeoutMs,
      where,
    )
  }
  const expires = options.expires
  return {
    retries,
    backoff: resolveBackoff(options.backoff, where),
    retryIf: read('retryIf', isRetryIf, 'a function'),
    retryOn: read('retryOn', isClassList, 'a list of error classes'),
    abortOn: read('abortOn', isClassList, 'a list of error classes'),
    timeoutMs: positive(timeoutMs, 'timeout', where),
    softTimeoutMs: positive(softTimeoutMs, 'softTimeout', where),
    abandonAfterMs: read.duration('abandonAfter') ?? DEFAULT_ABANDON_MS,
    priority:
      read('priority', isPriority, `an integer from -${MAX_PRIORITY} to ${MAX_PRIORITY}`) ?? 0,
    queue:
      read('queue', isQueueName, 'a name of 1 to 100 letters, digits, "_", "." or "-"') ??
      'default',
    tags: stringMap(options.tags, 'tags', TAG_LIMITS, where),
    headers: stringMap(options.headers, 'headers', HEADER_LIMITS, where),
    label: read('label', isLabel, `a string of at most ${MAX_LABEL} characters, or a function`),
    expiresMs: expires instanceof Date ? undefined : read.duration('expires'),
    expiresAt: expires instanceof Date ? instantOf(expires, where) : undefined,
    shield: read('shield', isBoolean, 'true or false') ?? false,
    requeueOnInterrupt: read('requeueOnInterrupt', isBoolean, 'true or false') ?? retries > 0,
    keepResult: read('keepResult', isBoolean, 'true or false') ?? true,
    maxResultBytes:
      read('maxResultBytes', isByteCount, 'a number of bytes from 0') ?? DEFAULT_MAX_RESULT_BYTES,
    resultTtlMs: read.duration('resultTtl'),
    storeErrors: read('storeErrors', isBoolean, 'true or false') ?? true,
    validate: read('validate', isBoolean, 'true or false') ?? true,
    throws: read('throws', isClassList, 'a list of error classes'),
    errors: read('errors', isClassList, 'a list of error classes'),
    propagation: read('propagation', isPropagation, PROPAGATION_TEXT),
    ...resolveHooks(options, where),
  }
}

/** The names of execution options; anything else in a definition or call is a mistake worth naming. */
export const EXECUTION_OPTION_NAMES: ReadonlySet<string> = new Set<keyof ExecutionOptions>([
  'retries',
  'backoff',
  'retryIf',
  'retryOn',
  'abortOn',
  'timeout',
  'softTimeout',
  'abandonAfter',
  'priority',
  'queue',
  'tags',
  'headers',
  'label',
  'expires',
  'shield',
  'requeueOnInterrupt',
  'keepResult',
  'maxResultBytes',
  'resultTtl',
  'storeErrors',
  'validate',
  'throws',
  'errors',
  'propagation',
  'onStart',
  'onRetry',
  'onSuccess',
  'onError',
  'onFinal',
])

// These are fixed in the record itself (or are classes), so they need no second copy among its options.
const NOT_STORED: ReadonlySet<string> = new Set([
  'priority',
  'queue',
  'tags',
  'headers',
  'label',
  'expires',
])

/** Splits a call's options into plain values to store, and the names of those that live in this process only. */
export function storedOptions(call: ExecutionOptions): {
  readonly stored: StoredOptions | undefined
  readonly local: readonly string[] | undefined
} {
  const stored: Record<string, unknown> = {}
  const local: string[] = []
  for (const [key, value] of Object.entries(call)) {
    if (value === undefined || NOT_STORED.has(key) || !EXECUTION_OPTION_NAMES.has(key)) continue
    if (typeof value === 'function' || (Array.isArray(value) && value.length > 0)) local.push(key)
    else if (value === Infinity) stored[key] = 'Infinity'
    else stored[key] = value
  }
  return {
    stored: Object.keys(stored).length === 0 ? undefined : stored,
    local: local.length === 0 ? undefined : local,
  }
}

/** Stored options as a layer to merge again. */
export function revivedOptions(stored: StoredOptions | undefined): ExecutionOptions | undefined {
  if (stored === undefined) return undefined
  return stored['retries'] === 'Infinity' ? { ...stored, retries: Infinity } : stored
}

interface Reader {
  <K extends keyof ExecutionOptions, T>(
    key: K,
    test: (value: unknown) => value is T,
    expected: string,
  ): T | undefined
  duration(key: keyof ExecutionOptions): number | undefined
}

function reader(options: ExecutionOptions, where: string): Reader {
  const read = <K extends keyof ExecutionOptions, T>(
    key: K,
    test: (value: unknown) => value is T,
    expected: string,
  ): T | undefined => {
    const value: unknown = options[key]
    if (value === undefined || value === null) return undefined
    if (!test(value)) throw new InvalidOptionsError(key, expected, value, where)
    return value
  }
  const duration = (key: keyof ExecutionOptions): number | undefined => {
    const value: unknown = options[key]
    return value === undefined || value === null ? undefined : durationMs(value, key, where)
  }
  return Object.assign(read, { duration })
}

function resolveBackoff(value: unknown, where: string): Backoff | BackoffFunction {
  if (value === undefined || value === null) return DEFAULT_BACKOFF
  if (typeof value === 'function') return value as BackoffFunction
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new InvalidOptionsError(
      'backoff',
      'an object { delay, factor, max, jitter } or a function',
      value,
      where,
    )
  }
  const { delay, factor, max, jitter, ...rest } = value as Record<string, unknown>
  const unknownKey = Object.keys(rest)[0]
  if (unknownKey !== undefined) {
    throw new InvalidOptionsError(
      `backoff.${unknownKey}`,
      'left out: backoff has delay, factor, max and jitter',
      rest[unknownKey],
      where,
    )
  }
  if (factor !== undefined && !(typeof factor === 'number' && factor >= 1 && factor <= 1_000)) {
    throw new InvalidOptionsError('backoff.factor', 'a number from 1 to 1000', factor, where)
  }
  if (jitter !== undefined && jitter !== 'none' && jitter !== 'full' && jitter !== 'equal') {
    throw new InvalidOptionsError('backoff.jitter', '"none", "full" or "equal"', jitter, where)
  }
  return {
    delayMs:
      delay === undefined ? DEFAULT_BACKOFF.delayMs : durationMs(delay, 'backoff.delay', where),
    factor: factor ?? DEFAULT_BACKOFF.factor,
    maxMs: max === undefined ? DEFAULT_BACKOFF.maxMs : durationMs(max, 'backoff.max', where),
    jitter: jitter ?? DEFAULT_BACKOFF.jitter,
  }
}

function resolveHooks(options: ExecutionOptions, where: string): TaskHooks {
  const hooks: Record<string, unknown> = {}
  for (const name of HOOK_NAMES) {
    const value: unknown = options[name]
    if (value === undefined || value === null) continue
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const item of list) {
      if (typeof item !== 'function') {
        throw new InvalidOptionsError(name, 'a function or a list of functions', item, where)
      }
    }
    hooks[name] = list
  }
  return hooks
}

function positive(value: number | undefined, option: string, where: string): number | undefined {
  if (value === 0)
    throw new InvalidOptionsError(option, 'longer than 0 ms (null clears it)', value, where)
  return value
}

function instantOf(date: Date, where: string): number {
  const time = date.getTime()
  if (Number.isNaN(time)) throw new InvalidOptionsError('expires', 'a valid date', date, where)
  return time
}

function isRetries(value: unknown): value is number {
  return value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0)
}
function isPriority(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= MAX_PRIORITY
}
function isQueueName(value: unknown): value is string {
  return typeof value === 'string' && QUEUE_PATTERN.test(value)
}
function isLabel(value: unknown): value is string | ((input: unknown) => string) {
  return typeof value === 'function' || (typeof value === 'string' && value.length <= MAX_LABEL)
}
function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}
function isByteCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}
function isRetryIf(value: unknown): value is NonNullable<RunOptions['retryIf']> {
  return typeof value === 'function'
}
function isClassList(value: unknown): value is readonly ErrorClass[] {
  // Without a prototype, as an arrow function is, `instanceof` throws.
  return (
    Array.isArray(value) &&
    value.every((item: unknown) => typeof item === 'function' && typeof item.prototype === 'object')
  )
}
