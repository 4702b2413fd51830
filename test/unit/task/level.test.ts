import { describe, expect, it } from 'vitest'
import { LEVELS, parseLevel, SILENT, toLevel } from '../../../src/task/level.ts'

describe('levels', () => {
  it('has pino’s numbers, in order, all below silence', () => {
    expect(LEVELS).toEqual({ debug: 20, info: 30, warning: 40, error: 50 })
    expect(SILENT).toBeGreaterThan(LEVELS.error)
  })

  it('takes "warn" for "warning"', () => {
    expect(toLevel('warn')).toBe('warning')
    expect(parseLevel('warn', 'minLevel')).toBe('warning')
  })

  it.each(['fatal', 'WARN', 'trace', '', undefined, null, 30, {}, ['info'], 'toString'])(
    'refuses %j, naming the four',
    (given) => {
      expect(toLevel(given)).toBeUndefined()
      expect(() => parseLevel(given, 'minLevel')).toThrow(
        /option "minLevel" must be one of "debug", "info", "warning" \(or "warn"\), "error"; got/,
      )
    },
  )
})
