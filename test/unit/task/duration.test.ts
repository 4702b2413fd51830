import { describe, expect, it } from 'vitest'
import { durationMs } from '../../../src/task/duration.ts'

describe('durationMs', () => {
  it.each([
    [0, 0],
    [1.5, 1.5],
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5s', 1_500],
    ['0.1ms', 0.1],
    ['30d', 2_592_000_000],
  ])('reads %j as %d ms', (given, expected) => {
    expect(durationMs(given, 'delay')).toBe(expected)
  })

  it.each([
    -1,
    Number.NaN,
    Infinity,
    -Infinity,
    '',
    '10',
    's',
    '10 s',
    '-1s',
    '1e3s',
    '10S',
    '1w',
    ' 10s',
    '10s\n',
    null,
    true,
    10n,
    {},
    [],
    new Date(),
  ])('refuses %o and says what a duration is', (given) => {
    expect(() => durationMs(given, 'delay', 'task "t": ')).toThrow(
      /^task "t": option "delay" must be a duration: milliseconds from 0 up, or a string such as/,
    )
  })
})
