/** `taskLog`: a log line of whatever task is running here. */

import { LEVELS, toLevel, type Level } from '../task/level.ts'
import type { TaskLogger } from '../task/run-context.ts'
import { logFallback, wantedRank } from './fallback-logger.ts'
import { currentScope, type ActiveAttempt } from './scope.ts'

/**
 * Writes a log line of the running task, from anywhere below it: helpers, timers, promises. Level `info`;
 * `taskLog.debug`, `.warning`, `.error` and `.log(level, …)` for the others.
 *
 * Outside a task the line goes to the fallback logger. Never throws.
 * @example
 * taskLog('Initiating payment', { userId, amount })
 */
export const taskLog: TaskLogger = createTaskLogger(undefined)

/** A logger of one attempt, or of whatever attempt is running when it is called. */
export function createTaskLogger(attempt: ActiveAttempt | undefined): TaskLogger {
  // The floor comes first: a line that nobody wants costs one comparison, not a look-up of the scope.
  const at =
    (level: Level, rank: number) =>
    (message: string, extra?: unknown): void => {
      if (rank >= wantedRank.lowest) write(attempt, level, message, extra)
    }
  const info = at('info', LEVELS.info)
  const warning = at('warning', LEVELS.warning)
  return Object.assign(
    (message: string, extra?: unknown): void => {
      if (LEVELS.info >= wantedRank.lowest) write(attempt, 'info', message, extra)
    },
    {
      debug: at('debug', LEVELS.debug),
      info,
      warning,
      warn: warning,
      error: at('error', LEVELS.error),
      log(level: unknown, message: string, extra?: unknown): void {
        const known = toLevel(level)
        if (LEVELS[known ?? 'info'] >= wantedRank.lowest)
          write(
            attempt,
            known ?? 'info',
            message,
            extra,
            known === undefined ? messageText(level) : undefined,
          )
      },
    },
  )
}

function write(
  own: ActiveAttempt | undefined,
  level: Level,
  message: unknown,
  extra: unknown,
  unknownLevel?: unknown,
): void {
  // Looked up once, and handed on: two looks into a map each time.
  const scope = currentScope()
  const attempt = own ?? scope?.attempt
  if (attempt !== undefined) attempt.log(scope, level, message, extra, unknownLevel)
  else logFallback(level, messageText(message), extra)
}

/** `message` as a string, whatever it is. */
export function messageText(message: unknown): string {
  if (typeof message === 'string') return message
  try {
    return message instanceof Error ? `${message.name}: ${message.message}` : String(message)
  } catch {
    return '[a message that cannot be shown]'
  }
}
