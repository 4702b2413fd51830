/** Reads values of callers, whose getters and proxies may throw: what they throw is said in our words. */

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
  return isOurs(error) ? error : new InvalidOptionsError(option, 'readable; looking at it threw', error, where)
}

/**
 * The fields of an object of options, each read once.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for anything but an object, and for one that cannot be read
 */
export function readFields(value: unknown, option: string, expected: string, where: string): Record<string, unknown> {
  return reading(option, where, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidOptionsError(option, expected, value, where)
    }
    const fields: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const property = { value: (value as Record<string, unknown>)[key], enumerable: true, writable: true }
      Object.defineProperty(fields, key, property)
    }
    return fields
  })
}

/**
 * An `AbortSignal`, of whatever realm.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for anything else
 */
export function readSignal(value: unknown, where: string): AbortSignal | undefined {
  if (value === undefined) return undefined
  return reading('signal', where, () => {
    const signal = value as Partial<AbortSignal> | null
    const isSignal =
      typeof signal === 'object' &&
      signal !== null &&
      typeof signal.aborted === 'boolean' &&
      typeof signal.addEventListener === 'function' &&
      typeof signal.removeEventListener === 'function'
    if (!isSignal) throw new InvalidOptionsError('signal', 'an AbortSignal', value, where)
    return signal as AbortSignal
  })
}

// A proxy's prototype may not be asked for either.
function isOurs(error: unknown): error is PlainsightError {
  try {
    return error instanceof PlainsightError
  } catch {
    return false
  }
}
