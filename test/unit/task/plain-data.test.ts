import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clip, flatFields, plainData, plainFields } from '../../../src/task/plain-data.ts'

describe('plainData', () => {
  it('keeps JSON as it is, deeply frozen, and apart from the original', () => {
    const given = { a: [1, 'x', null, true], b: { c: { d: 2 } } }
    const data = plainData(given) as typeof given
    expect(data).toEqual(given)
    expect(data.b).not.toBe(given.b)
    expect([data, data.a, data.b, data.b.c].every((each) => Object.isFrozen(each))).toBe(true)
  })

  it('says what it cannot keep', () => {
    class Money {}
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    expect(
      plainData({
        date: new Date(0),
        broken: new Date(Number.NaN),
        map: new Map([['k', 1]]),
        set: new Set([1]),
        big: 10n,
        nan: Number.NaN,
        inf: -Infinity,
        fn: () => 1,
        sym: Symbol('s'),
        bytes: new Uint8Array(3),
        error: Object.assign(new TypeError('bad'), { code: 'E' }),
        json: { toJSON: () => ({ shown: true }) },
        instance: new Money(),
        none: undefined,
        cyclic,
      }),
    ).toEqual({
      date: '1970-01-01T00:00:00.000Z',
      broken: 'Invalid Date',
      map: [['k', 1]],
      set: [1],
      big: '10',
      nan: 'NaN',
      inf: '-Infinity',
      fn: '[a function]',
      sym: '[a symbol]',
      bytes: '[3 bytes]',
      error: { name: 'TypeError', message: 'bad', code: 'E' },
      json: { shown: true },
      instance: {},
      cyclic: { self: '[circular]' },
    })
  })

  it('survives hostile objects, and keeps what can be read beside them', () => {
    const data = plainData({
      ok: 1,
      get bad(): never {
        throw new Error('no')
      },
      proxy: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
      json: {
        toJSON: () => {
          throw new Error('no')
        },
      },
    })
    expect(data).toEqual({
      ok: 1,
      bad: '[unreadable]',
      proxy: '[unreadable]',
      json: '[unreadable]',
    })
  })

  it('is bounded in depth, breadth and length', () => {
    let deep: unknown = 'end'
    for (let level = 0; level < 1e5; level++) deep = { deep }
    expect(JSON.stringify(plainData(deep)).length).toBeLessThan(200)
    expect((plainData(Array.from({ length: 1e5 })) as unknown[]).length).toBe(201)
    expect(
      Object.keys(
        plainData(
          Object.fromEntries(Array.from({ length: 1e4 }, (_n, i) => [`k${i}`, i])),
        ) as object,
      ),
    ).toHaveLength(201)
    expect((plainData('x'.repeat(1e6)) as string).length).toBeLessThan(17_000)
  })

  it('is bounded in all: a small object that refers to itself a thousand ways costs no more', () => {
    let wide: unknown = 'end'
    for (let level = 0; level < 8; level++) wide = Array.from({ length: 100 }, () => wide)
    const startedAt = performance.now()
    expect(JSON.stringify(plainData(wide)).length).toBeLessThan(2_000_000)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('keeps a "__proto__" entry as an entry', () => {
    const data = plainData(JSON.parse('{"__proto__":{"polluted":true}}')) as Record<string, unknown>
    expect(Object.keys(data)).toEqual(['__proto__'])
    expect(data['polluted']).toBeUndefined()
  })

  it('answers JSON for anything', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
          withObjectString: true,
        }),
        (value) => {
          const data = plainData(value)
          // JSON has no -0.
          expect(JSON.stringify(JSON.parse(JSON.stringify(data)))).toBe(JSON.stringify(data))
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('plainFields', () => {
  it('is nothing for nothing, and { value } for what has no fields', () => {
    expect(plainFields(undefined)).toBeUndefined()
    expect(plainFields(null)).toBeUndefined()
    expect(plainFields('x')).toEqual({ value: 'x' })
    expect(plainFields([1])).toEqual({ value: [1] })
    expect(plainFields({ a: 1 })).toEqual({ a: 1 })
  })
})

describe('flatFields', () => {
  it('is what plainFields is, or nothing', () => {
    const item = fc.oneof(
      { weight: 9, arbitrary: fc.oneof(fc.string(), fc.boolean(), fc.double(), fc.constant(null)) },
      fc.constantFrom(undefined, Number.NaN, 1n, Symbol('s'), new Date(0), new Error('x')),
      fc.jsonValue(),
    )
    const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toJSON', '1', 'constructor'))
    const flat = fc.dictionary(key, item, { noNullPrototype: false })
    let copies = 0
    fc.assert(
      fc.property(fc.oneof(flat, fc.anything({ withDate: true, withMap: true })), (value) => {
        const fields = flatFields(value)
        if (fields === undefined) return
        copies += 1
        // Neither does JSON know -0, nor does an observer have to.
        expect(JSON.stringify(fields)).toBe(JSON.stringify(plainFields(value)))
        expect(Object.isFrozen(fields)).toBe(true)
        expect(fields).not.toBe(value)
      }),
      { numRuns: 500 },
    )
    expect(copies).toBeGreaterThan(20)
  })

  it.each([
    ['nothing', undefined],
    ['an error', Object.assign(new Error('no'), { a: 1 })],
    ['an error within', { error: new Error('no') }],
    ['a date that says it is plain', Object.assign(new Date(0), { constructor: Object })],
    ['a list', [1]],
    ['a list of bytes', new Uint8Array(3)],
    ['a long text', { text: 'x'.repeat(20_000) }],
    ['long texts', { a: 'x'.repeat(9_000), b: 'x'.repeat(9_000) }],
    ['a long key', { ['x'.repeat(20_000)]: 1 }],
    ['no prototype', Object.create(null)],
    ['an inherited property', Object.assign(Object.create({ a: 1 }), { b: 1 })],
  ])('leaves %s to plainFields', (_what, value) => {
    expect(flatFields(value)).toBeUndefined()
  })

  it('takes no symbols along: what is behind them is not frozen', () => {
    expect(Reflect.ownKeys(flatFields({ a: 1, [Symbol('s')]: {} }) as object)).toEqual(['a'])
  })
})

describe('clip', () => {
  it('says how much is missing', () => {
    expect(clip('abc', 3)).toBe('abc')
    expect(clip('abcde', 3)).toBe('abc… [2 more characters]')
  })
})
