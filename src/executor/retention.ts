/** How long finished records are kept: the option `retention`, checked, as the rules that a sweep follows. */

import { durationMs, type Duration } from '../task/duration.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { readFields } from '../task/reading.ts'
import { isTerminal, STATUSES, type Status, type TerminalStatus } from '../task/status.ts'

/** How long some finished records are kept; whichever comes first. */
export interface RetentionRule {
  /** From the end of the task on. `Infinity`: whatever the age. Default `'7d'`. */
  readonly maxAge?: Duration | undefined
  /** Of those that the rule is about, the newest stay. Default 100,000; 1,000 on a backend that is not durable. */
  readonly maxCount?: number | undefined
}

/** How long finished records are kept. */
export interface RetentionOptions extends RetentionRule {
  /**
   * Rules of their own for some statuses, each with the defaults above for what it leaves out. The general rule neither
   * removes nor counts the records of these.
   */
  readonly byStatus?: Readonly<Partial<Record<TerminalStatus, RetentionRule>>> | undefined
}

/** One checked rule. */
export interface RetentionLimits {
  /** Whose records it is about; `undefined`: all that have ended. */
  readonly status: readonly Status[] | undefined
  readonly maxAgeMs: number
  /** `undefined`: as many as suits the backend. */
  readonly maxCount: number | undefined
}

const WHERE = 'createExecutor: '
const ENDED = STATUSES.filter(isTerminal)

/** @throws {InvalidOptionsError} INVALID_OPTIONS for an unknown name or status, and for a wrong age or count */
export function resolveRetention(value: unknown): readonly RetentionLimits[] {
  if (value === undefined) return [limitsOf({}, 'retention', undefined)]
  const { byStatus, ...general } = fieldsOf(value, 'retention', ['maxAge', 'maxCount', 'byStatus'])
  if (byStatus === undefined) return [limitsOf(general, 'retention', undefined)]
  const own = fieldsOf(byStatus, 'retention.byStatus', ENDED)
  const rules: RetentionLimits[] = []
  const rest: Status[] = []
  for (const status of ENDED) {
    const option = `retention.byStatus.${status}`
    const rule = own[status]
    if (rule === undefined) rest.push(status)
    else rules.push(limitsOf(fieldsOf(rule, option, ['maxAge', 'maxCount']), option, [status]))
  }
  // Checked even when nothing is left to it.
  const others = limitsOf(general, 'retention', rules.length === 0 ? undefined : rest)
  return rest.length === 0 ? rules : [others, ...rules]
}

function limitsOf(
  { maxAge, maxCount }: Readonly<Record<string, unknown>>,
  option: string,
  status: readonly Status[] | undefined,
): RetentionLimits {
  return {
    status,
    maxAgeMs:
      maxAge === Infinity ? Infinity : durationMs(maxAge ?? '7d', `${option}.maxAge`, WHERE),
    maxCount: countOf(maxCount, `${option}.maxCount`),
  }
}

function countOf(value: unknown, option: string): number | undefined {
  if (value === undefined) return undefined
  const isCount = typeof value === 'number' && value >= 0
  if (isCount && (Number.isSafeInteger(value) || value === Infinity)) return value
  throw new InvalidOptionsError(option, 'an integer from 0, or Infinity', value, WHERE)
}

function fieldsOf(
  value: unknown,
  option: string,
  names: readonly string[],
): Record<string, unknown> {
  const fields = readFields(value, option, `an object { ${names.join(', ')} }`, WHERE)
  for (const [name, item] of Object.entries(fields)) {
    if (names.includes(name)) continue
    const expected = `left out: there is only ${names.join(', ')}`
    throw new InvalidOptionsError(`${option}.${name}`, expected, item, WHERE)
  }
  return fields
}
