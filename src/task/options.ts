/** How a task runs: the options of executor defaults, definition and call, and their one resolved form. */

import type { Duration } from './duration.ts'
import { InvalidOptionsError } from './errors.ts'
import type { TaskHooks } from './hooks.ts'
import { reading } from './reading.ts'

// Any constructor: users list their own error classes, whatever their parameters.
export type ErrorClass = abstract new (...args: never[]) => unknown

/** What a retry decision may look at. */
export interface RetryFacts {
  readonly taskId: string
  readonly taskName: string
  /** Zero-based number of the attempt that failed. */
  readonly attempt: number
  /** How many attempts have failed so far, this one included: k of retry k. Recoveries do not count. */
  readonly failures: number
}

/** Delay before retry k: min(max, delay · factor^(k−1)), with jitter. */
export interface BackoffOptions {
  /** Default `'1s'`. */
  readonly delay?: Duration | undefined
  /** At least 1; default 2. */
  readonly factor?: number | undefined
  /** Default `'1h'`. */
  readonly max?: Duration | undefined
  /** `full` draws from [0, d], `equal` from [d/2, d]; default `'full'`. */
  readonly jitter?: 'none' | 'full' | 'equal' | undefined
}

export type BackoffFunction = (facts: RetryFacts) => Duration

/**
 * Options of how a task is run, accepted in executor `defaults`, in a definition, and per call; the nearer
 * layer wins. `undefined` inherits, `null` clears back to the library's default; a list replaces the farther list.
 */
export interface ExecutionOptions extends TaskHooks {
  /** Extra attempts after the first: an integer from 0, or `Infinity`. Default 0. */
  readonly retries?: number | null | undefined
  /** Default `{ delay: '1s', factor: 2, max: '1h', jitter: 'full' }`. A function lives in this process only. */
  readonly backoff?: BackoffOptions | BackoffFunction | null | undefined
  /** Refuses a retry by answering anything but `true`. Lives in this process only. */
  readonly retryIf?: ((error: unknown, facts: RetryFacts) => boolean) | null | undefined
  /** Only errors of these classes are retried. */
  readonly retryOn?: readonly ErrorClass[] | null | undefined
  /** Errors of these classes are never retried. */
  readonly abortOn?: readonly ErrorClass[] | null | undefined
  /** The attempt ends at this deadline, failed with reason `timeout`. Default: none. */
  readonly timeout?: Duration | null | undefined
  /** `signal` aborts with reason `soft_timeout`; the body may still finish. At most `timeout`. Default: none. */
  readonly softTimeout?: Duration | null | undefined
  /** How long a body that outlives its attempt keeps its slot and delays the retry. Default `'30s'`. */
  readonly abandonAfter?: Duration | null | undefined
  /** Integer within ±1,000,000; higher runs first, equals in order of insertion. Default 0. */
  readonly priority?: number | null | undefined
  /** `/^[\w.-]{1,100}$/`. Default `'default'`. */
  readonly queue?: string | null | undefined
  /** At most 32 entries, keys of 64 and values of 256 characters. */
  readonly tags?: Readonly<Record<string, string>> | null | undefined
  /** Free-form metadata for the body: at most 64 entries, keys of 128 and values of 8,192 characters. */
  readonly headers?: Readonly<Record<string, string>> | null | undefined
  /** A name to show, at most 200 characters; never an identity. A function of the input is called at enqueue. */
  // `any`: a definition's label takes its own input type, which these layers do not know.
  readonly label?: string | ((input: never) => string) | null | undefined
  /** Not started any more after this long (or, per call, after this instant): the task ends `expired`. */
  readonly expires?: Duration | Date | null | undefined
  /** Runs on at shutdown for up to the executor's `shieldGrace`. Default false. */
  readonly shield?: boolean | null | undefined
  /** An attempt that a crash, shutdown or lost lease cut off is run again. Default: true when `retries` > 0. */
  readonly requeueOnInterrupt?: boolean | null | undefined
  /** Whether the result is stored. Default true. */
  readonly keepResult?: boolean | null | undefined
  /** Results larger than this many bytes of JSON are not stored (`resultError` says so). Default 1 MiB. */
  readonly maxResultBytes?: number | null | undefined
  /** After this long a stored result is gone. Default: as long as the record. */
  readonly resultTtl?: Duration | null | undefined
  /** Whether message, stack and fields of errors are stored; the name and fingerprint always are. Default true. */
  readonly storeErrors?: boolean | null | undefined
  /** False skips the schema, at enqueue and before a run. Default true. */
  readonly validate?: boolean | null | undefined
  /** Expected errors: the task still fails, but its event has level info, `expected: true` and no stack. */
  readonly throws?: readonly ErrorClass[] | null | undefined
  /** Classes that `handle.result()` revives in another process, so that `instanceof` holds for the cause. */
  readonly errors?: readonly ErrorClass[] | null | undefined
  /** How the trace of an attempt relates to that of its enqueue. Default: what the OpenTelemetry observer is set to. */
  readonly propagation?: Propagation | null | undefined
}

/** How a trace goes on from the enqueue into the attempts: see the option `propagation` of `otelObserver`. */
export type Propagation = 'auto' | 'child' | 'link' | 'none'

export const PROPAGATION_TEXT = '"auto", "child", "link" or "none"'

export function isPropagation(value: unknown): value is Propagation {
  return value === 'auto' || value === 'child' || value === 'link' || value === 'none'
}

export interface Backoff {
  readonly delayMs: number
  readonly factor: number
  readonly maxMs: number
  readonly jitter: 'none' | 'full' | 'equal'
}

/** The resolved options that a run goes by; durations in milliseconds. */
export interface RunOptions extends TaskHooks {
  readonly retries: number
  readonly backoff: Backoff | BackoffFunction
  readonly retryIf: ((error: unknown, facts: RetryFacts) => boolean) | undefined
  readonly retryOn: readonly ErrorClass[] | undefined
  readonly abortOn: readonly ErrorClass[] | undefined
  readonly timeoutMs: number | undefined
  readonly softTimeoutMs: number | undefined
  readonly abandonAfterMs: number
  readonly priority: number
  readonly queue: string
  readonly tags: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly label: string | ((input: never) => string) | undefined
  readonly expiresMs: number | undefined
  readonly expiresAt: number | undefined
  readonly shield: boolean
  readonly requeueOnInterrupt: boolean
  readonly keepResult: boolean
  readonly maxResultBytes: number
  readonly resultTtlMs: number | undefined
  readonly storeErrors: boolean
  readonly validate: boolean
  readonly throws: readonly ErrorClass[] | undefined
  readonly errors: readonly ErrorClass[] | undefined
  readonly propagation: Propagation | undefined
}

/** Options of a call as they are stored: plain values only. */
export type StoredOptions = Readonly<Record<string, unknown>>

/**
 * Merges option layers, farthest first: `undefined` inherits, `null` clears, anything else replaces the whole value.
 *
 * Pure; a cleared option stays in the answer as `null`, so that merging can go on.
 * @throws {InvalidOptionsError} INVALID_OPTIONS for a layer that throws when it is read
 * @example
 * mergeOptions({ retries: 3, timeout: '1m' }, { retries: undefined, timeout: null }) // { retries: 3, timeout: null }
 */
export function mergeOptions<T extends object>(...layers: readonly (T | null | undefined)[]): T {
  const merged: Record<string, unknown> = {}
  reading('options', 'mergeOptions: ', () => {
    for (const layer of layers) {
      if (layer === undefined || layer === null) continue
      if (typeof layer !== 'object')
        throw new InvalidOptionsError('options', 'objects', layer, 'mergeOptions: ')
      for (const [key, value] of Object.entries(layer)) {
        if (value !== undefined && key !== '__proto__') merged[key] = value
      }
    }
  })
  return merged as T
}
