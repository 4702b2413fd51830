import { describe, expect, it } from 'vitest'
import { describeValue } from '../../../src/task/describe.ts'

class Money {}

describe('describeValue', () => {
  it.each([
    ['abc', 'string "abc"'],
    ['redis://ada:hunter2@host:1/0', 'string "redis://…@host:1/0"'],
    [`postgres://ada:${'x'.repeat(99)}@host`, 'string "postgres://…@host"'],
    ['https://host/path?token=hunter2', 'string "https://host/path?…"'],
    ['ada@example.com', 'string "ada@example.com"'],
    ['x'.repeat(100), `string "${'x'.repeat(60)}…"`],
    [-0, 'number -0'],
    [Number.NaN, 'number NaN'],
    [10n, 'bigint 10n'],
    [10n ** 5_000n, 'a large bigint'],
    [true, 'boolean true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'a symbol'],
    [() => 1, 'a function'],
    [[1, 2], 'an array of 2'],
    [{ a: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [new Money(), 'a Money'],
    [new Map(), 'a Map'],
  ])('is short: %#', (value, expected) => {
    expect(describeValue(value)).toBe(expected)
  })

  it('survives what cannot be inspected', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(describeValue(proxy)).toBe('a value that cannot be inspected')
  })
})
