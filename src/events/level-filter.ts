/** Which events an observer wants, decided by level before anything is built. */

import { InvalidOptionsError } from '../task/errors.ts'
import { LEVELS, parseLevel, SILENT, type LevelInput } from '../task/level.ts'
import { reading } from '../task/reading.ts'
import type { PlainsightEvent } from './event.ts'

/** A parsed `minLevel`. */
export interface LevelFilter {
  /** The lowest rank that any rule lets through: below it nothing needs to be built. */
  readonly floor: number
  /** The rank from which this event passes; absent when `floor` says it all. */
  readonly floorFor?: ((event: PlainsightEvent) => number) | undefined
}

/**
 * Parses a `minLevel`: a level, or rules by task name pattern and tag.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for an unknown level, naming the four, or a malformed rule
 */
export function parseMinLevel(value: unknown, option = 'minLevel'): LevelFilter {
  return reading(option, '', () => parse(value, option))
}

function parse(value: unknown, option: string): LevelFilter {
  if (value === undefined || value === null) return { floor: LEVELS.info }
  if (typeof value !== 'object') return { floor: LEVELS[parseLevel(value, option)] }
  const rules = Object.entries(value as Readonly<Record<string, LevelInput>>)
  const ranks = rules.map(
    ([key, level]) => LEVELS[parseLevel(level, `${option}[${JSON.stringify(key)}]`)],
  )
  const byDefault =
    LEVELS[parseLevel((value as { default?: unknown }).default ?? 'info', `${option}.default`)]
  const tests = rules.flatMap(([key], index) =>
    key === 'default' ? [] : [{ test: ruleTest(key, option), rank: ranks[index] as number }],
  )
  return {
    floor: Math.min(byDefault, ...ranks),
    floorFor(event) {
      if (!('taskId' in event)) return byDefault
      let floor = SILENT
      for (const rule of tests) {
        if (rule.rank < floor && rule.test(event)) floor = rule.rank
      }
      return floor === SILENT ? byDefault : floor
    },
  }
}

type TaskEventLike = Extract<PlainsightEvent, { taskId: string }>

function ruleTest(key: string, option: string): (event: TaskEventLike) => boolean {
  if (!key.startsWith('tag:')) {
    const pattern = nameTest(key)
    return (event) => pattern(event.taskName)
  }
  const equals = key.indexOf('=')
  if (equals < 5) {
    throw new InvalidOptionsError(
      `${option}[${JSON.stringify(key)}]`,
      'a rule such as "tag:plan=pro" or "tag:plan=*"',
      key,
    )
  }
  const tag = key.slice(4, equals)
  const pattern = nameTest(key.slice(equals + 1))
  return (event) => {
    const value = event.tags[tag]
    return value !== undefined && pattern(value)
  }
}

/** The test of a name against a pattern, in which `*` stands for any characters. */
// Split at the stars and walk: linear, where a regular expression with many stars is not.
export function nameTest(pattern: string): (text: string) => boolean {
  if (!pattern.includes('*')) return (text) => text === pattern
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  const middle = parts.slice(1, -1).filter((part) => part !== '')
  return (text) => {
    if (text.length < first.length + last.length) return false
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    let at = first.length
    for (const part of middle) {
      const found = text.indexOf(part, at)
      if (found < 0 || found + part.length > text.length - last.length) return false
      at = found + part.length
    }
    return true
  }
}
