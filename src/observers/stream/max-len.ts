/** The bound of a stream. */

import { InvalidOptionsError } from '../../task/errors.ts'

/** @throws {InvalidOptionsError} INVALID_OPTIONS for anything but a number of entries, or `Infinity` */
export function checkMaxLen(maxLen: unknown, where: string): void {
  if (maxLen === Infinity || (Number.isSafeInteger(maxLen) && (maxLen as number) >= 1)) return
  throw new InvalidOptionsError('maxLen', 'an integer from 1, or Infinity', maxLen, where)
}
