import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeOptions, type ExecutionOptions } from '../../../src/task/options.ts'
import {
  EXECUTION_OPTION_NAMES,
  resolveOptions,
  revivedOptions,
  storedOptions,
} from '../../../src/task/resolve-options.ts'

class Mine extends Error {}
const hook = (): void => {}
const other = (): void => {}

/** For each option two values, what they resolve to, and what the library's default is. */
const SAMPLES: Readonly<
  Record<
    string,
    { far: unknown; near: unknown; key?: string; resolved: unknown; byDefault: unknown }
  >
> = {
  retries: { far: 5, near: 0, resolved: 0, byDefault: 0 },
  backoff: {
    far: { delay: 1, max: 2 },
    near: { delay: 3 },
    resolved: { delayMs: 3, factor: 2, maxMs: 3_600_000, jitter: 'full' },
    byDefault: { delayMs: 1_000, factor: 2, maxMs: 3_600_000, jitter: 'full' },
  },
  retryIf: { far: () => true, near: hook, resolved: hook, byDefault: undefined },
  retryOn: { far: [Error], near: [Mine], resolved: [Mine], byDefault: undefined },
  abortOn: { far: [Error], near: [Mine], resolved: [Mine], byDefault: undefined },
  timeout: { far: '1m', near: '2s', key: 'timeoutMs', resolved: 2_000, byDefault: undefined },
  softTimeout: {
    far: '1m',
    near: '2s',
    key: 'softTimeoutMs',
    resolved: 2_000,
    byDefault: undefined,
  },
  abandonAfter: { far: '1m', near: 0, key: 'abandonAfterMs', resolved: 0, byDefault: 30_000 },
  priority: { far: 5, near: -5, resolved: -5, byDefault: 0 },
  queue: { far: 'slow', near: 'fast', resolved: 'fast', byDefault: 'default' },
  tags: { far: { a: '1', b: '2' }, near: { a: '3' }, resolved: { a: '3' }, byDefault: {} },
  headers: { far: { a: '1', b: '2' }, near: { a: '3' }, resolved: { a: '3' }, byDefault: {} },
  label: { far: 'far', near: '', resolved: '', byDefault: undefined },
  expires: { far: '1m', near: '2s', key: 'expiresMs', resolved: 2_000, byDefault: undefined },
  shield: { far: true, near: false, resolved: false, byDefault: false },
  requeueOnInterrupt: { far: true, near: false, resolved: false, byDefault: false },
  keepResult: { far: true, near: false, resolved: false, byDefault: true },
  maxResultBytes: { far: 5, near: 0, resolved: 0, byDefault: 1_048_576 },
  resultTtl: { far: '1m', near: '2s', key: 'resultTtlMs', resolved: 2_000, byDefault: undefined },
  storeErrors: { far: true, near: false, resolved: false, byDefault: true },
  validate: { far: true, near: false, resolved: false, byDefault: true },
  propagation: { far: 'child', near: 'link', resolved: 'link', byDefault: undefined },
  throws: { far: [Error], near: [Mine], resolved: [Mine], byDefault: undefined },
  errors: { far: [Error], near: [Mine], resolved: [Mine], byDefault: undefined },
  onStart: { far: hook, near: [other], resolved: [other], byDefault: undefined },
  onRetry: { far: [hook, hook], near: other, resolved: [other], byDefault: undefined },
  onSuccess: { far: hook, near: [other], resolved: [other], byDefault: undefined },
  onError: { far: hook, near: [], resolved: [], byDefault: undefined },
  onFinal: { far: hook, near: [other], resolved: [other], byDefault: undefined },
}
const resolved = (name: string, options: ExecutionOptions): unknown =>
  (resolveOptions(options, '') as unknown as Record<string, unknown>)[SAMPLES[name]?.key ?? name]

describe('mergeOptions', () => {
  it('has a sample of every option', () => {
    expect(Object.keys(SAMPLES).sort()).toEqual([...EXECUTION_OPTION_NAMES].sort())
  })

  it.each(Object.keys(SAMPLES))(
    '%s: undefined inherits, null clears, a value replaces the whole value',
    (name) => {
      const {
        far,
        near,
        resolved: expected,
        byDefault,
      } = SAMPLES[name] as NonNullable<(typeof SAMPLES)[string]>
      const layer = (value: unknown): ExecutionOptions => ({ [name]: value })
      expect(mergeOptions(layer(far), layer(undefined))).toEqual(layer(far))
      expect(mergeOptions(layer(far), {})).toEqual(layer(far))
      expect(mergeOptions(layer(far), layer(null))).toEqual(layer(null))
      expect(mergeOptions(layer(far), layer(near))).toEqual(layer(near))
      expect(mergeOptions(layer(far), layer(null), layer(undefined))).toEqual(layer(null))
      expect(mergeOptions(layer(far), layer(null), layer(near))).toEqual(layer(near))
      expect(resolved(name, mergeOptions(layer(far), layer(near)))).toEqual(expected)
      expect(resolved(name, mergeOptions(layer(far), layer(null)))).toEqual(byDefault)
      expect(resolved(name, {})).toEqual(byDefault)
    },
  )

  it('is pure, and takes layers that are not there', () => {
    const far = Object.freeze({ retries: 1, tags: Object.freeze({ a: '1' }) })
    expect(
      mergeOptions<ExecutionOptions>(undefined, far, null, Object.freeze({ timeout: '1s' })),
    ).toEqual({
      retries: 1,
      tags: { a: '1' },
      timeout: '1s',
    })
    expect(mergeOptions()).toEqual({})
  })

  it('is associative: merging in steps is merging at once', () => {
    const layer = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.constantFrom<unknown>(undefined, null, 1, 'x', false),
    )
    fc.assert(
      fc.property(layer, layer, layer, (a, b, c) => {
        expect(mergeOptions(mergeOptions(a, b), c)).toEqual(mergeOptions(a, mergeOptions(b, c)))
        expect(mergeOptions(mergeOptions(a, b), c)).toEqual(mergeOptions(a, b, c))
      }),
    )
  })

  it('never sets a prototype', () => {
    const merged = mergeOptions<Record<string, unknown>>(JSON.parse('{"__proto__":{"retries":9}}'))
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
  })
})

describe('resolveOptions', () => {
  it.each<[string, unknown]>([
    ['retries', -1],
    ['retries', Number.NaN],
    ['retries', 1.5],
    ['retries', '3'],
    ['retries', -Infinity],
    ['backoff', 5],
    ['backoff', []],
    ['backoff', { delay: -1 }],
    ['backoff', { factor: 0.5 }],
    ['backoff', { factor: Number.NaN }],
    ['backoff', { max: 'later' }],
    ['backoff', { jitter: 'some' }],
    ['backoff', { dealy: 5 }],
    ['retryIf', true],
    ['retryOn', Error],
    ['retryOn', ['Error']],
    ['throws', [() => {}]],
    ['errors', [null]],
    ['timeout', 0],
    ['timeout', -1],
    ['softTimeout', 0],
    ['abandonAfter', 'never'],
    ['priority', 1.5],
    ['priority', 1_000_001],
    ['priority', -1_000_001],
    ['priority', Number.NaN],
    ['queue', ''],
    ['queue', 'a b'],
    ['queue', 'a:b'],
    ['queue', 'q'.repeat(101)],
    ['label', 7],
    ['label', 'l'.repeat(201)],
    ['expires', 'soon'],
    ['expires', new Date(Number.NaN)],
    ['shield', 'yes'],
    ['requeueOnInterrupt', 1],
    ['keepResult', 0],
    ['maxResultBytes', -1],
    ['maxResultBytes', Number.NaN],
    ['resultTtl', {}],
    ['storeErrors', 'no'],
    ['validate', 'no'],
    ['onStart', 'x'],
    ['onError', [hook, null]],
  ])('refuses %s: %o, naming it', (name, value) => {
    expect(() => resolveOptions({ [name]: value }, 'task "t": ')).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTIONS',
        option: expect.stringMatching(new RegExp(`^${name}`)),
        message: expect.stringContaining('task "t": option "'),
      }),
    )
  })

  it('refuses a soft timeout above the hard one', () => {
    expect(() => resolveOptions({ softTimeout: '2s', timeout: '1s' }, '')).toThrow(
      'option "softTimeout" must be at most timeout (1000 ms)',
    )
    expect(resolveOptions({ softTimeout: '1s', timeout: '1s' }, '').softTimeoutMs).toBe(1_000)
  })

  it('takes the limits themselves', () => {
    expect(
      resolveOptions({ retries: Infinity, priority: 1_000_000, queue: 'q'.repeat(100) }, ''),
    ).toMatchObject({
      retries: Infinity,
      priority: 1_000_000,
    })
  })

  it('requeues after an interrupt when there are retries, unless told otherwise', () => {
    expect(resolveOptions({ retries: 1 }, '').requeueOnInterrupt).toBe(true)
    expect(resolveOptions({ retries: 1, requeueOnInterrupt: false }, '').requeueOnInterrupt).toBe(
      false,
    )
    expect(resolveOptions({ requeueOnInterrupt: true }, '').requeueOnInterrupt).toBe(true)
  })
})

describe('stored options', () => {
  it('keep plain values, and name what lives in this process only', () => {
    expect(
      storedOptions({
        retries: Infinity,
        timeout: null,
        backoff: { delay: 5 },
        retryIf: () => true,
        retryOn: [Mine],
        onFinal: [hook],
        onStart: undefined,
        priority: 3,
        tags: { a: '1' },
      }),
    ).toEqual({
      stored: { retries: 'Infinity', timeout: null, backoff: { delay: 5 } },
      local: ['retryIf', 'retryOn', 'onFinal'],
    })
    expect(storedOptions({})).toEqual({ stored: undefined, local: undefined })
  })

  it('come back from JSON as they went', () => {
    const { stored } = storedOptions({ retries: Infinity, timeout: null, shield: true })
    expect(revivedOptions(JSON.parse(JSON.stringify(stored)) as typeof stored)).toEqual({
      retries: Infinity,
      timeout: null,
      shield: true,
    })
    expect(revivedOptions(undefined)).toBeUndefined()
  })
})
