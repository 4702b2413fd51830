import { describe, expect, it } from 'vitest'
import { formatLogs, type LoggedRecord } from '../../../src/task/format-logs.ts'
import type { LogLine } from '../../../src/task/record.ts'

const line = (attempt: number, message: string, second = 0): LogLine => ({
  time: Date.UTC(2026, 0, 2, 3, 4, second, 999),
  level: 'info',
  attempt,
  message,
})
const record = (logLines: LogLine[], rest: Partial<LoggedRecord> = {}): LoggedRecord => ({
  logLines,
  logsDropped: 0,
  attempt: 0,
  recoveries: 0,
  ...rest,
})

describe('formatLogs', () => {
  it('stamps each line with the UTC second', () => {
    expect(formatLogs(record([line(0, 'one'), line(0, 'two', 9)]))).toEqual([
      '2026-01-02T03:04:00 one',
      '2026-01-02T03:04:09 two',
    ])
  })

  it('separates the attempts, those that logged nothing too', () => {
    expect(formatLogs(record([line(0, 'one'), line(2, 'three')], { attempt: 3 }))).toEqual([
      '2026-01-02T03:04:00 one',
      '--- Retry 1 ---',
      '--- Retry 2 ---',
      '2026-01-02T03:04:00 three',
      '--- Retry 3 ---',
    ])
    expect(formatLogs(record([], { attempt: 1 }))).toEqual(['--- Retry 1 ---'])
  })

  it('names recoveries as such', () => {
    expect(formatLogs(record([line(1, 'again')], { attempt: 1, recoveries: 1 }))).toEqual([
      '--- Recovery 1 ---',
      '2026-01-02T03:04:00 again',
    ])
    expect(formatLogs(record([], { attempt: 2, recoveries: 1 }))).toEqual([
      '--- Attempt 1 (retry or recovery) ---',
      '--- Attempt 2 (retry or recovery) ---',
    ])
  })

  it('says how many lines are missing', () => {
    expect(formatLogs(record([line(0, 'one')], { logsDropped: 7 })).at(-1)).toBe(
      '[7 more lines were not stored]',
    )
  })

  it('survives a time that no date can hold', () => {
    expect(formatLogs(record([{ ...line(0, 'x'), time: Number.NaN }]))).toEqual([
      '????-??-??T??:??:?? x',
    ])
  })
})
