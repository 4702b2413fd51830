import { describe, expect, it } from 'vitest'
import { EMPTY_MAP, HEADER_LIMITS, stringMap, TAG_LIMITS } from '../../../src/task/tags.ts'

const tags = (value: unknown): Readonly<Record<string, string>> =>
  stringMap(value, 'tags', TAG_LIMITS)
const entries = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_none, index) => [`k${index}`, 'v']))

describe('tags and headers', () => {
  it('are a frozen copy', () => {
    const given = { plan: 'pro' }
    const copy = tags(given)
    given.plan = 'free'
    expect(copy).toEqual({ plan: 'pro' })
    expect(Object.isFrozen(copy)).toBe(true)
  })

  it('are one shared empty map when there are none', () => {
    expect(tags(undefined)).toBe(EMPTY_MAP)
    expect(tags(null)).toBe(EMPTY_MAP)
    expect(tags({})).toBe(EMPTY_MAP)
  })

  it('are taken up to their limits and refused beyond', () => {
    expect(Object.keys(tags(entries(32)))).toHaveLength(32)
    expect(tags({ ['k'.repeat(64)]: 'v'.repeat(256) })).toBeDefined()
    expect(() => tags(entries(33))).toThrow(
      'option "tags" must be at most 32 entries; got number 33',
    )
    expect(() => tags({ ['k'.repeat(65)]: 'v' })).toThrow('keys of 1 to 64 characters')
    expect(() => tags({ k: 'v'.repeat(257) })).toThrow(
      'option "tags["k"]" must be a string of at most 256 characters',
    )
    expect(stringMap({ h: 'v'.repeat(8_192) }, 'headers', HEADER_LIMITS)).toBeDefined()
  })

  it.each([
    ['a string', 'pro'],
    ['an array', ['pro']],
    ['a number value', { plan: 1 }],
    ['an undefined value', { plan: undefined }],
    ['a null value', { plan: null }],
    ['an empty key', { '': 'v' }],
    ['a Map, whose entries would be lost', new Map([['plan', 'pro']])],
    ['fetch Headers, whose entries would be lost', new Headers({ plan: 'pro' })],
    ['a Date', new Date()],
    [
      'a getter that throws',
      {
        get plan(): string {
          throw new Error('no')
        },
      },
    ],
  ])('refuse %s', (_what, value) => {
    expect(() => tags(value)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }))
  })

  it('refuse "__proto__" as a key, and never touch a prototype', () => {
    expect(() => tags(JSON.parse('{"__proto__":"x"}'))).toThrow('"__proto__" excepted')
    expect(tags(Object.assign(Object.create(null), { constructor: 'x' }))).toEqual({
      constructor: 'x',
    })
  })
})
