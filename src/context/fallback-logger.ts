/** Where lines go that are written outside a task, and the floor below which nobody wants a line at all. */

import { InvalidOptionsError } from '../task/errors.ts'
import { LEVELS, parseLevel, SILENT, type Level } from '../task/level.ts'
import { plainFields } from '../task/plain-data.ts'
import { reading } from '../task/reading.ts'
import type { FallbackLogger } from '../task/run-context.ts'

const stderrLogger: FallbackLogger = {
  minLevel: 'info',
  debug: (message, extra) => writeLine('DEBUG', message, extra),
  info: (message, extra) => writeLine('INFO', message, extra),
  warning: (message, extra) => writeLine('WARNING', message, extra),
  error: (message, extra) => writeLine('ERROR', message, extra),
}

let logger: FallbackLogger = stderrLogger
let loggerFloor: number = LEVELS.info

/**
 * Sets where `taskLog` writes outside a task, and where failures and warnings go when an executor was given no
 * `observers`. Default: one line on stderr, from `info` up. `null` restores the default.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when it has none of the methods debug, info, warn(ing), error
 */
export function setFallbackLogger(next: FallbackLogger | null): void {
  const floor = reading('logger', 'setFallbackLogger: ', () => checkLogger(next))
  loggerFloor = floor
  logger = next ?? stderrLogger
  refreshFloor()
}

/** @returns the rank of its lowest level */
function checkLogger(next: FallbackLogger | null): number {
  if (next !== null && !hasMethod(next)) {
    throw new InvalidOptionsError(
      'logger',
      'an object with debug, info, warn and error, or null',
      next,
      'setFallbackLogger: ',
    )
  }
  return LEVELS[parseLevel((next ?? stderrLogger).minLevel ?? 'debug', 'minLevel')]
}

/** Writes one line to the fallback logger. Never throws. */
export function logFallback(level: Level, message: string, extra?: unknown): void {
  if (LEVELS[level] < loggerFloor) return
  try {
    const name = methodFor(logger, level)
    if (name === undefined) return
    const answer: unknown =
      extra === undefined ? logger[name]?.(message) : logger[name]?.(message, extra)
    if (answer instanceof Promise) answer.catch(() => {})
  } catch {
    // A logger that throws (or rejects) must not take its caller down; there is nowhere left to say so.
  }
}

/** Something that wants log lines from some rank up; an executor has one. */
export interface LogFloor {
  rank: number
}

const floors = new Set<LogFloor>()

/** The lowest rank that anybody wants: read on every log call before anything else happens. */
export const wantedRank: { lowest: number } = { lowest: LEVELS.info }

/** Takes `floor` into account from now on; answers a function that ends it. */
export function addLogFloor(floor: LogFloor): () => void {
  floors.add(floor)
  refreshFloor()
  return () => {
    floors.delete(floor)
    refreshFloor()
  }
}

/** To be called when a floor has changed. */
export function refreshFloor(): void {
  let lowest = Math.min(loggerFloor, SILENT)
  for (const floor of floors) if (floor.rank < lowest) lowest = floor.rank
  wantedRank.lowest = lowest
}

type Method = 'debug' | 'info' | 'warn' | 'warning' | 'error'

// What a logger lacks is said at `info`, and a missing `debug` is a wish not to hear it.
function methodFor(to: FallbackLogger, level: Level): Method | undefined {
  const own: readonly Method[] = level === 'warning' ? ['warning', 'warn'] : [level]
  const names = level === 'debug' ? own : [...own, 'info' as const]
  return names.find((name) => typeof to[name] === 'function')
}

function hasMethod(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const methods = value as Record<string, unknown>
  return ['debug', 'info', 'warn', 'warning', 'error'].some(
    (name) => typeof methods[name] === 'function',
  )
}

function writeLine(label: string, message: string, extra: unknown): void {
  const fields = plainFields(extra)
  const tail = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
  const line = `${new Date().toISOString()} ${label} ${message}${tail}`
  process.stderr.write(`${oneLine(line)}\n`)
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

// One call, one line: what could break or forge a line is escaped.
function oneLine(text: string): string {
  return text.replace(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
