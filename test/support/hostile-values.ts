/** Values that no caller should give, as fast-check arbitraries: everything a careless look at a value trips over. */

import fc from 'fast-check'

const LONE = 'lone \ud800 and \udfff'
const BIDI = '\u202eesrever\u202c\u2066\u200b\ufeff'

const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value }
  return value
}
// Made once: 100,000 levels and 10 million characters cost more than everything around them.
const DEEPEST = deep(100_000)
const LONGEST = 'x'.repeat(10_000_000)

const throwing = (): never => {
  throw new RangeError('a trap')
}
const TRAPS: ProxyHandler<object> = {
  get: throwing,
  has: throwing,
  ownKeys: throwing,
  getPrototypeOf: throwing,
  getOwnPropertyDescriptor: throwing,
  set: throwing,
  defineProperty: throwing,
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

class HostileError extends Error {
  override get message(): string {
    throw new Error('no message')
  }
  override get name(): string {
    throw new Error('no name')
  }
  override get stack(): string {
    throw new Error('no stack')
  }
}

function cyclic(): unknown {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  return loop
}

const getter = (key: string, get: () => unknown = throwing): unknown =>
  Object.defineProperty({}, key, { get, enumerable: true })

/** Made anew each time they are drawn. */
const MAKERS: readonly (() => unknown)[] = [
  () => new Proxy({}, TRAPS),
  () => new Proxy([], TRAPS),
  () => new Proxy(() => {}, TRAPS),
  () => revoked({}),
  () => revoked([]),
  () => revoked(() => {}),
  () => getter('value'),
  () => getter('then'),
  () => getter('name'),
  () => getter('toJSON'),
  () => getter('length'),
  () => getter('reason'),
  () => ({ then: throwing }),
  () => ({
    then: (_resolve: unknown, reject: (error: unknown) => void) => reject(new Proxy({}, TRAPS)),
  }),
  () => ({ then: 5 }),
  () => ({ toJSON: throwing }),
  () => ({ toJSON: () => 1n }),
  () => ({ toString: throwing, valueOf: throwing, [Symbol.toPrimitive]: throwing }),
  () => ({ toString: () => 5, valueOf: () => ({}) }),
  () =>
    JSON.parse(
      '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}',
    ) as unknown,
  () => ({ constructor: { name: getter('toString') } }),
  () => Object.create(null) as unknown,
  () => new (class Own {})(),
  () => Object.assign(Array.from({ length: 3 }), { 1: 1 }),
  () => Array.from({ length: 2_000 }),
  () => Object.assign([1, 2], { extra: true }),
  () => [undefined, () => {}, Symbol('s')],
  () => ({ [Symbol.iterator]: throwing }),
  () => ({
    *[Symbol.iterator]() {
      yield throwing()
    },
  }),
  cyclic,
  () => deep(2_000),
  () => DEEPEST,
  () => Symbol('s'),
  () => Symbol.iterator,
  () => throwing,
  () => () => Promise.reject(new Error('rejected')),
  () => async function* generate() {},
  () => class Class {},
  () => new HostileError(),
  () => Object.assign(new Error('m'), { code: getter('toString'), cause: new HostileError() }),
  () => new AggregateError([new HostileError()], 'several'),
  () => new DOMException('stopped', 'AbortError'),
  () => new Date(Number.NaN),
  () => new Date(8.64e15),
  () => new Map([[{}, cyclic()]]),
  () => new WeakMap(),
  () => new Uint8Array(70_000),
  () => new SharedArrayBuffer(8),
  () => AbortSignal.abort(new Proxy({}, TRAPS)),
  () => new AbortController().signal,
  () => ({ aborted: true, reason: 1 }),
  () => ({
    aborted: false,
    addEventListener: throwing,
    removeEventListener: throwing,
    throwIfAborted() {},
  }),
  () => globalThis,
]

const NUMBERS = [
  2 ** 53 + 1,
  2 ** 53,
  -(2 ** 53),
  -0,
  0,
  -1,
  0.5,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32,
  8.64e15,
  8.64e15 + 1,
  1e308,
  5e-324,
]
const STRINGS = [
  '',
  '\0',
  'a\0b',
  LONE,
  BIDI,
  '__proto__',
  'constructor',
  'toJSON',
  'then',
  'hasOwnProperty',
  '%s %d',
  '../../etc/passwd',
  "'; DROP TABLE tasks; --",
  '1e9d',
  '-1s',
  '99999999999999d',
  '1 s',
  'Infinity',
  'NaN',
  '9'.repeat(400),
  'x'.repeat(70_000),
]

const hostileString: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...STRINGS) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
)

const hostileNumber: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...NUMBERS, 10n ** 40n, 1n),
  fc.double(),
  fc.integer(),
)

const structure: fc.Arbitrary<unknown> = fc.anything({
  key: fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'toJSON', 'then', '\0', LONE),
    fc.string({ maxLength: 4 }),
  ),
  values: [
    fc.constantFrom<unknown>(...NUMBERS, ...STRINGS.slice(0, 12), null, undefined, true, false),
  ],
  maxDepth: 2,
  maxKeys: 3,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  stringUnit: 'binary',
})

/** Makes a value: fast-check looks at what it generates, and would trip over it as well. */
export type Make = () => unknown

const ready = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Make> =>
  arbitrary.map((value) => () => value)

/** Anything at all. About one in 3,000 is ten million characters long. */
export const hostileValue: fc.Arbitrary<Make> = fc.oneof(
  { weight: 1_200, arbitrary: fc.constantFrom(...MAKERS) },
  { weight: 400, arbitrary: ready(hostileString) },
  { weight: 300, arbitrary: ready(hostileNumber) },
  {
    weight: 200,
    arbitrary: fc.constantFrom<Make>(...[undefined, null, true, false].map((value) => () => value)),
  },
  { weight: 900, arbitrary: ready(structure) },
  { weight: 1, arbitrary: fc.constant<Make>(() => LONGEST) },
)

/** What a caller should give, as makers. */
export function valid(...makes: readonly Make[]): fc.Arbitrary<Make> {
  return fc.constantFrom(...makes)
}

/**
 * An object of options: each left out, as it should be, or hostile; sometimes with one that does not exist, and sometimes
 * no object at all. What `base` makes is there unless something else is drawn in its place.
 */
export function hostileOptions(
  options: Readonly<Record<string, readonly Make[]>>,
  base: Readonly<Record<string, Make>> = {},
): fc.Arbitrary<Make> {
  const names = Object.keys(options)
  const makes = names.map((name) => options[name] ?? [])
  const choice = fc.tuple(
    fc.nat({ max: 1_000 }),
    fc.nat({ max: 1_000 }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 2, arbitrary: hostileValue },
    ),
  )
  const some = fc
    .array(choice, { maxLength: 4 })
    .map((choices): (() => Record<string, unknown>) => () => {
      const made: Record<string, unknown> = {}
      for (const [name, make] of Object.entries(base)) made[name] = make()
      for (const [which, pick, hostile] of choices) {
        const list = makes[which % names.length] ?? []
        const make = hostile ?? list[pick % list.length]
        made[names[which % names.length] ?? ''] = make?.()
      }
      return made
    })
  return fc.oneof(
    { weight: 10, arbitrary: some },
    {
      weight: 1,
      arbitrary: fc.tuple(some, hostileString, hostileValue).map(
        ([base, key, value]): Make =>
          () =>
            define(base(), key, { value: value(), writable: true }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(some, fc.constantFrom(...names)).map(
        ([base, name]): Make =>
          () =>
            define(base(), name, { get: throwing }),
      ),
    },
    { weight: 3, arbitrary: hostileValue },
  )
}

function define(object: object, key: string, property: PropertyDescriptor): object {
  return Object.defineProperty(object, key, { enumerable: true, configurable: true, ...property })
}
