/** Stored errors as values to throw or compare. */

import type { ErrorClass } from './options.ts'
import type { SerializedError } from './serialized-error.ts'

/**
 * `stored` as an instance of the class in `classes` that has its name, so that `instanceof` holds; else the plain data.
 *
 * Only listed classes are used, and their constructors are not called: a store must not decide what code runs.
 */
export function reviveError(
  stored: SerializedError | undefined,
  classes: readonly ErrorClass[] | undefined,
): unknown {
  if (stored === undefined) return undefined
  const type = classes?.find((each) => each.name === stored.name)
  if (type === undefined) return stored
  const error = Object.create(type.prototype as object) as Record<string, unknown>
  const own = {
    ...stored.fields,
    message: stored.message,
    stack: stored.stack,
    code: stored.code,
    cause: stored.cause,
  }
  for (const [key, value] of Object.entries(own)) {
    if (value === undefined) continue
    Object.defineProperty(error, key, {
      value,
      writable: true,
      configurable: true,
      enumerable: false,
    })
  }
  return error
}
