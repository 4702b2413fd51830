import fc from 'fast-check'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { NotSerializableError } from '../../../src/task/errors.ts'
import { flatCopy, stringifyStrict } from '../../../src/task/json.ts'

const refusal = (value: unknown): NotSerializableError => {
  try {
    stringifyStrict(value, 'the input')
  } catch (error) {
    return error as NotSerializableError
  }
  throw new Error('it was accepted')
}
class Money {
  readonly amount = 1
}
const cyclic: Record<string, unknown> = { name: 'a' }
cyclic['self'] = cyclic
const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

describe('stringifyStrict', () => {
  it.each([
    ['a BigInt', { order: { total: 10n } }, 'order.total', 'bigint 10n'],
    ['a Date', { items: [{ at: new Date() }] }, 'items[0].at', 'a Date'],
    ['a Map', { m: new Map() }, 'm', 'a Map'],
    ['a Set', { s: new Set() }, 's', 'a Set'],
    ['a class instance', { price: new Money() }, 'price', 'a Money'],
    ['NaN', [1, Number.NaN], '[1]', 'number NaN'],
    ['Infinity', { n: Infinity }, 'n', 'number Infinity'],
    ['undefined in an array', { list: [1, undefined] }, 'list[1]', 'undefined'],
    [
      'a hole in an array',
      { list: Object.assign(Array.from({ length: 0 }), { length: 1 }) },
      'list[0]',
      'undefined',
    ],
    ['a function', { f: () => 1 }, 'f', 'a function'],
    ['a symbol', Symbol('s'), '', 'a symbol'],
    ['an error', { error: new Error('x') }, 'error', 'a Error'],
    ['bytes', { bytes: new Uint8Array(1) }, 'bytes', 'a Uint8Array'],
    ['a boxed number', { n: Object(1) }, 'n', 'a Number'],
    ['a regular expression', { r: /x/ }, 'r', 'a RegExp'],
    ['a promise', { p: Promise.resolve() }, 'p', 'a Promise'],
    ['an object with toJSON', { o: { toJSON: () => 1 } }, 'o.toJSON', 'a function'],
    ['an array with toJSON', { o: Object.assign([1], { toJSON: () => 1 }) }, 'o', 'an array of 1'],
  ])('refuses %s with its path', (_what, value, path, got) => {
    const error = refusal(value)
    expect(error).toBeInstanceOf(NotSerializableError)
    expect(error).toMatchObject({ code: 'NOT_SERIALIZABLE', path, got })
    expect(error.message).toContain('the input cannot be stored as JSON')
  })

  it('refuses a cycle and 100,000 levels without overflowing the stack', () => {
    expect(refusal(cyclic)).toMatchObject({ got: 'a cycle, or nesting deeper than 1000' })
    expect(refusal(deep(100_000)).got).toContain('nesting deeper than 1000')
    expect(refusal(cyclic).message.length).toBeLessThan(1_000)
    expect(stringifyStrict(deep(900), 'x')).toHaveLength(1_801)
  })

  it('refuses what cannot be read', () => {
    const throwing = {
      get secret(): never {
        throw new Error('locked')
      },
    }
    expect(refusal(throwing).message).toContain('locked')
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal(proxy)).toMatchObject({ code: 'NOT_SERIALIZABLE' })
  })

  it('takes null prototypes, other realms, own "__proto__" keys and lone surrogates', () => {
    expect(stringifyStrict(Object.assign(Object.create(null), { a: 1 }), 'x')).toBe('{"a":1}')
    expect(stringifyStrict(runInNewContext('({ a: [1] })'), 'x')).toBe('{"a":[1]}')
    const proto = JSON.parse('{"__proto__":1}') as unknown
    expect(JSON.parse(stringifyStrict(proto, 'x') ?? '')).toEqual(proto)
    expect(JSON.parse(stringifyStrict('\ud800', 'x') ?? '')).toBe('\ud800')
    expect(stringifyStrict(undefined, 'x')).toBeUndefined()
  })

  it('what it accepts comes back equal, up to -0 and properties that are undefined', () => {
    let accepted = 0
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue({ stringUnit: 'binary' }),
          fc.object({
            withBigInt: true,
            withDate: true,
            withMap: true,
            withSparseArray: true,
            withNullPrototype: true,
          }),
          fc.anything(),
        ),
        (value) => {
          let text: string | undefined
          try {
            text = stringifyStrict(value, 'x')
          } catch (error) {
            expect(error).toBeInstanceOf(NotSerializableError)
            return
          }
          accepted += 1
          const back: unknown = text === undefined ? undefined : JSON.parse(text)
          expect(positiveZeros(back)).toEqual(positiveZeros(value))
        },
      ),
      { numRuns: 1_000 },
    )
    expect(accepted).toBeGreaterThan(200)
  })
})

function positiveZeros(value: unknown): unknown {
  if (value === 0) return 0
  if (Array.isArray(value)) return value.map(positiveZeros)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, positiveZeros(item)]))
}

describe('flatCopy', () => {
  it('is what JSON makes of a value, or nothing', () => {
    const item = fc.oneof(
      { weight: 4, arbitrary: fc.oneof(fc.string(), fc.boolean(), fc.double(), fc.constant(null)) },
      fc.constantFrom(undefined, -0, Number.NaN, 1n, Symbol('s'), new Date(0)),
      fc.jsonValue(),
    )
    const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toJSON', '1', 'constructor'))
    const flat = fc.dictionary(key, item, { noNullPrototype: false })
    let copies = 0
    fc.assert(
      fc.property(fc.oneof(flat, fc.anything()), (value) => {
        const copy = flatCopy(value)
        if (copy === undefined) return
        copies += 1
        const text = stringifyStrict(value, 'value')
        expect(JSON.stringify(copy)).toBe(text)
        expect(copy).toStrictEqual(JSON.parse(text ?? ''))
        expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
        expect(copy).not.toBe(value)
      }),
    )
    expect(copies).toBeGreaterThan(10)
  })

  it.each([
    ['an inherited property', Object.create({ a: 1 })],
    [
      'an inherited property after one of its own',
      Object.assign(Object.create({ a: 1 }), { b: 1 }),
    ],
    ['a prototype of its own', JSON.parse('{"__proto__":{"a":1}}')],
    ['a key that sets the prototype', JSON.parse('{"__proto__":1}')],
    ['an array', [1]],
    ['toJSON', { toJSON: () => 1 }],
    [
      'a getter that throws',
      {
        get a() {
          throw new Error('no')
        },
      },
    ],
    ['an object within', { a: {} }],
    ['many properties', Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i]))],
    [
      'a class instance',
      new (class {
        a = 1
      })(),
    ],
  ])('leaves %s to the careful way', (_what, value) => {
    expect(flatCopy(value)).toBeUndefined()
  })

  it('reads each property once, and takes no symbols along', () => {
    let reads = 0
    const value = {
      get a() {
        return ++reads
      },
      [Symbol('hidden')]: 1,
    }
    expect(flatCopy(value)).toStrictEqual({ a: 1 })
    expect(reads).toBe(1)
  })
})
