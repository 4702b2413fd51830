import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { reviveError } from '../../../src/task/revive-error.ts'
import { serializeError } from '../../../src/task/serialized-error.ts'

class CardDeclined extends Error {
  readonly card: string
  constructor(card: string) {
    super(`card ${card} was declined`)
    this.card = card
  }
}
const hostile = (trap: string): unknown =>
  new Proxy(new Error('hidden'), {
    [trap]() {
      throw new Error(`${trap} trap`)
    },
  })

describe('serializeError', () => {
  it('keeps name, message, code, stack, own fields and the chain of causes', () => {
    const root = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' })
    const error = Object.assign(new TypeError('cannot pay', { cause: root }), {
      code: 42,
      order: { id: 7, at: new Date(0) },
    })
    const { stack, fingerprint, cause, ...rest } = serializeError(error)
    expect(rest).toEqual({
      name: 'TypeError',
      message: 'cannot pay',
      code: 42,
      fields: { order: { id: 7, at: '1970-01-01T00:00:00.000Z' } },
    })
    expect(stack).toContain('serialized-error.test.ts')
    expect(fingerprint).toMatch(/^[0-9a-f]{16}$/)
    expect(cause).toMatchObject({ name: 'Error', message: 'connection reset', code: 'ECONNRESET' })
  })

  it('names the class of an error that does not name itself', () => {
    expect(serializeError(new CardDeclined('1')).name).toBe('CardDeclined')
    expect(serializeError(new (class extends TypeError {})('x')).name).toBe('TypeError')
    expect(serializeError(Object.assign(new CardDeclined('1'), { name: 'Mine' })).name).toBe('Mine')
    expect(serializeError(new DOMException('x', 'AbortError')).name).toBe('AbortError')
    expect(serializeError(runInNewContext('new RangeError("x")')).name).toBe('RangeError')
  })

  it.each([
    ['a string', 'boom', 'NonError', 'boom'],
    ['undefined', undefined, 'NonError', 'undefined'],
    ['null', null, 'NonError', 'null'],
    ['a number', 7, 'NonError', '7'],
    ['a bigint', 7n, 'NonError', '7'],
    ['a symbol', Symbol('s'), 'NonError', 'Symbol(s)'],
    ['an object', { message: 'odd' }, 'Object', 'odd'],
    ['an object without a prototype', Object.create(null), 'Error', ''],
  ])('describes %s that was thrown', (_what, thrown, name, message) => {
    expect(serializeError(thrown)).toMatchObject({ name, message })
  })

  it.each([
    ...['get', 'getPrototypeOf', 'ownKeys', 'has', 'getOwnPropertyDescriptor'].map((trap) => [
      `a Proxy whose ${trap} trap throws`,
      hostile(trap),
    ]),
    [
      'getters that throw',
      Object.defineProperties(
        {},
        Object.fromEntries(
          ['name', 'message', 'stack', 'code', 'cause', 'mine', 'toJSON'].map((key) => [
            key,
            {
              enumerable: true,
              get(): never {
                throw new Error(key)
              },
            },
          ]),
        ),
      ),
    ],
    [
      'a function that cannot be shown',
      Object.assign(() => {}, {
        toString: () => {
          throw new Error('no')
        },
      }),
    ],
    [
      'a revoked Proxy',
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      })(),
    ],
  ])('survives %s', (_what, thrown) => {
    const data = serializeError(thrown)
    expect(data.name).toEqual(expect.any(String))
    expect(data.fingerprint).toMatch(/^[0-9a-f]{16}$/)
    expect(JSON.parse(JSON.stringify(data))).toEqual(data)
  })

  it('ends a cyclic chain of causes after five', () => {
    const error = new Error('round')
    error.cause = error
    let depth = 0
    for (let at = serializeError(error); at.cause !== undefined; at = at.cause) depth += 1
    expect(depth).toBe(5)
  })

  it('bounds message, stack and fields', () => {
    const error = Object.assign(new Error('x'.repeat(1e6)), { blob: 'y'.repeat(1e6), self: {} })
    error.stack = 'z'.repeat(1e6)
    error.self = error
    expect(JSON.stringify(serializeError(error)).length).toBeLessThan(100_000)
  })

  it('keeps the errors of an AggregateError', () => {
    const data = serializeError(new AggregateError([new Error('a'), new Error('b')], 'both'))
    expect(data).toMatchObject({
      name: 'AggregateError',
      message: 'both',
      fields: { errors: [{ message: 'a' }, { message: 'b' }] },
    })
  })

  it('is frozen, so that no observer can change what others see', () => {
    const data = serializeError(
      Object.assign(new Error('x', { cause: new Error('y') }), { a: { b: 1 } }),
    )
    expect(Object.isFrozen(data)).toBe(true)
    expect(Object.isFrozen(data.cause)).toBe(true)
    expect(Object.isFrozen(data.fields?.['a'])).toBe(true)
  })
})

describe('the fingerprint', () => {
  const fail = (message: string): Error => new Error(message)

  it('is the same for the same failure with other numbers and ids', () => {
    const one = serializeError(fail('order 17 of user 0af33b21c9 failed'))
    const two = serializeError(fail('order 99999 of user deadbeef77 failed'))
    expect(one.fingerprint).toBe(two.fingerprint)
  })

  it('differs by class, code, message and place', () => {
    const at = (error: Error): string => serializeError(error).fingerprint
    const base = fail('x')
    const others = [
      fail('y'),
      Object.assign(fail('x'), { code: 'E1' }),
      Object.assign(fail('x'), { name: 'Other' }),
      new Error('x'),
    ]
    expect(new Set([base, ...others].map(at)).size).toBe(5)
  })
})

describe('reviveError', () => {
  const stored = JSON.parse(JSON.stringify(serializeError(new CardDeclined('visa'))))

  it('makes an instance of the listed class, with its fields and stack, without calling its constructor', () => {
    const error = reviveError(stored, [RangeError, CardDeclined]) as CardDeclined
    expect(error).toBeInstanceOf(CardDeclined)
    expect(error).toBeInstanceOf(Error)
    expect(error.card).toBe('visa')
    expect(error.message).toBe('card visa was declined')
    expect(error.stack).toContain('serialized-error.test.ts')
  })

  it('answers plain data for a class that is not listed', () => {
    expect(reviveError(stored, [RangeError])).toEqual(stored)
    expect(reviveError(stored, undefined)).toEqual(stored)
    expect(reviveError(undefined, [CardDeclined])).toBeUndefined()
  })
})
