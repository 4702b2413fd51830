/** Times in options: milliseconds as a number, or a string with a unit. */

import { InvalidOptionsError } from './errors.ts'

/** A length of time: milliseconds, or `'500ms' | '10s' | '5m' | '2h' | '1d'` (decimals allowed). */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const PATTERN = /^(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)$/

/**
 * The number of milliseconds in `value`.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for a negative, NaN or infinite number, or an unknown unit
 */
export function durationMs(value: unknown, option: string, where = ''): number {
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value
  if (typeof value === 'string') {
    const match = PATTERN.exec(value)
    if (match !== null)
      return Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0) * 1e3) / 1e3
  }
  throw new InvalidOptionsError(
    option,
    'a duration: milliseconds from 0 up, or a string such as "500ms", "10s", "5m", "2h", "1d"',
    value,
    where,
  )
}
