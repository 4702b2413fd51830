/** The four levels an event or a log line can have, and how they compare. */

import { InvalidOptionsError } from './errors.ts'

/** How much an event matters, from `debug` (least) to `error` (most). */
export type Level = 'debug' | 'info' | 'warning' | 'error'

/** What is accepted wherever a level is written: a {@link Level}, or `'warn'` for `'warning'`. */
export type LevelInput = Level | 'warn'

/** The levels by rank: pino's numbers, so that a rank can be compared or exported as it is. */
export const LEVELS: Readonly<Record<Level, number>> = {
  debug: 20,
  info: 30,
  warning: 40,
  error: 50,
}

/** As {@link LEVELS}; quicker where the level is another each time. */
export function rankOf(level: Level): number {
  switch (level) {
    case 'debug':
      return LEVELS.debug
    case 'info':
      return LEVELS.info
    case 'warning':
      return LEVELS.warning
    case 'error':
      return LEVELS.error
  }
}

/** A rank above every level: a floor that lets nothing through. */
export const SILENT: number = 100

/** The level that `value` names, or `undefined` when it names none. */
export function toLevel(value: unknown): Level | undefined {
  if (value === 'warn') return 'warning'
  return value === 'debug' || value === 'info' || value === 'warning' || value === 'error'
    ? value
    : undefined
}

/**
 * The level that `value` names.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when it names none; the message lists the four
 */
export function parseLevel(value: unknown, option: string): Level {
  const level = toLevel(value)
  if (level !== undefined) return level
  throw new InvalidOptionsError(
    option,
    'one of "debug", "info", "warning" (or "warn"), "error"',
    value,
  )
}
