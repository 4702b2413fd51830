/** Reads values of callers, whose getters and proxies may throw: what they throw is said in our words. */

import { durationMs } from './duration.ts'
import { InvalidOptionsError, PlainsightError } from './errors.ts'

/**
 * What `read` answers. `option` and `where` begin the message of what it cannot read.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for whatever `read` throws that is no error of ours
 */
export function reading<T>(option: string, where: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw asOurs(error, option, where)
  }
}

/** `error` if it is one of ours; else the refusal of a value that threw it when it was looked at. */
export function asOurs(error: unknown, option: string, where: string): PlainsightError {
  if (isOurs(error)) return error
  const refusal = new InvalidOptionsError(option, 'readable without an error', error, where)
  refusal.cause = error
  return refusal
}

/**
 * The fields of an object of options, each read once.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for anything but an object, and for one that cannot be read
 */
export function readFields(
  value: unknown,
  option: string,
  expected: string,
  where: string,
): Record<string, unknown> {
  return reading(option, where, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidOptionsError(option, expected, value, where)
    }
    const fields: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const property = {
        value: (value as Record<string, unknown>)[key],
        enumerable: true,
        writable: true,
      }
      Object.defineProperty(fields, key, property)
    }
    return fields
  })
}

/** How long a caller waits, and what ends it sooner: the options of whatever waits. */
export interface Wait {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Checks `{ timeout, signal }`.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for anything but an object, a wrong duration, or no `AbortSignal`
 */
export function readWait(options: unknown, where: string): Wait {
  if (options === undefined) return { timeoutMs: undefined, signal: undefined }
  const { timeout, signal } = readFields(options, 'options', 'an object { timeout, signal }', where)
  return reading('signal', where, () => {
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new InvalidOptionsError('signal', 'an AbortSignal', signal, where)
    }
    return {
      timeoutMs: timeout === undefined ? undefined : durationMs(timeout, 'timeout', where),
      signal,
    }
  })
}

/** For what a callback answers where no promise belongs: its rejection must not end the process. */
export function ignoreRejection(answer: unknown): void {
  try {
    if (answer instanceof Promise) answer.catch(() => {})
  } catch {
    // A proxy that cannot be asked what it is.
  }
}

// A proxy's prototype may not be asked for either.
function isOurs(error: unknown): error is PlainsightError {
  try {
    return error instanceof PlainsightError
  } catch {
    return false
  }
}
