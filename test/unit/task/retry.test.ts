import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RetryAfterError, UnrecoverableError } from '../../../src/task/errors.ts'
import type { Backoff, ExecutionOptions, RetryFacts } from '../../../src/task/options.ts'
import { resolveOptions } from '../../../src/task/resolve-options.ts'
import { backoffDelayMs, decideRetry, type RetryDecision } from '../../../src/task/retry.ts'

const facts = (failures = 1): RetryFacts => ({
  taskId: 't',
  taskName: 'task',
  attempt: failures - 1,
  failures,
})
const decide = (options: ExecutionOptions, error: unknown, failures = 1): RetryDecision =>
  decideRetry(resolveOptions(options, ''), error, facts(failures), () => 0.5)
const exact: ExecutionOptions = { backoff: { delay: 100, factor: 2, max: 350, jitter: 'none' } }

class Transient extends Error {}
class Fatal extends Error {}

describe('backoffDelayMs', () => {
  const backoff = fc.record({
    delayMs: fc.integer({ min: 0, max: 100_000 }),
    factor: fc.double({ min: 1, max: 1_000, noNaN: true }),
    maxMs: fc.integer({ min: 0, max: 10_000_000 }),
  })
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it('is min(max, delay · factor^(k−1)) and its jitter stays within bounds, for any k', () => {
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 5_000 }), random, (given, k, draw) => {
        const of = (jitter: Backoff['jitter']): number =>
          backoffDelayMs({ ...given, jitter }, k, () => draw)
        const d = of('none')
        // 0 · ∞ is NaN in floating point, and no delay.
        expect(Number.isNaN(d)).toBe(false)
        expect(d).toBeGreaterThanOrEqual(0)
        expect(d).toBeLessThanOrEqual(given.maxMs)
        if (k === 1) expect(d).toBe(Math.min(given.maxMs, given.delayMs))
        expect(of('full')).toBeGreaterThanOrEqual(0)
        expect(of('full')).toBeLessThanOrEqual(d)
        expect(of('equal')).toBeGreaterThanOrEqual(d / 2)
        expect(of('equal')).toBeLessThanOrEqual(d)
      }),
    )
  })

  it('is never NaN: no delay stays no delay, however often', () => {
    const none = { delayMs: 0, factor: 1_000, maxMs: 10, jitter: 'none' } as const
    expect(backoffDelayMs(none, 5_000, () => 0)).toBe(0)
  })

  it('grows with k until max', () => {
    const given = { delayMs: 100, factor: 2, maxMs: 350, jitter: 'none' } as const
    expect([1, 2, 3, 4, 2_000].map((k) => backoffDelayMs(given, k, () => 0))).toEqual([
      100, 200, 350, 350, 350,
    ])
  })
})

describe('decideRetry', () => {
  it('waits for the backoff by default', () => {
    expect([1, 2, 3].map((k) => decide(exact, new Error('x'), k).retryDelayMs)).toEqual([
      100, 200, 350,
    ])
  })

  it('has stated defaults: one second, doubled, at most an hour, with full jitter', () => {
    expect(resolveOptions({}, '').backoff).toEqual({
      delayMs: 1_000,
      factor: 2,
      maxMs: 3_600_000,
      jitter: 'full',
    })
    expect(decide({}, new Error('x')).retryDelayMs).toBe(500)
  })

  it('never retries UnrecoverableError, its subclasses, or another copy of it', () => {
    class Mine extends UnrecoverableError {}
    const other = Object.assign(new Error('x'), {
      name: 'UnrecoverableError',
      code: 'UNRECOVERABLE',
    })
    for (const error of [new UnrecoverableError('x'), new Mine('x'), other]) {
      expect(decide(exact, error)).toEqual({ isUnrecoverable: true, retryDelayMs: undefined })
    }
  })

  it('lets RetryAfterError set the delay, and a wrong one mean none', () => {
    expect(decide(exact, new RetryAfterError('2s')).retryDelayMs).toBe(2_000)
    expect(decide(exact, new RetryAfterError(0)).retryDelayMs).toBe(0)
    expect(decide(exact, new RetryAfterError(-5)).retryDelayMs).toBe(0)
    expect(decide(exact, new RetryAfterError('soon')).retryDelayMs).toBe(0)
    expect(decide({ ...exact, retryIf: () => false }, new RetryAfterError(7)).retryDelayMs).toBe(7)
  })

  it('retries only retryOn, never abortOn', () => {
    const options = { ...exact, retryOn: [Transient], abortOn: [Fatal] }
    expect(decide(options, new Transient('x')).retryDelayMs).toBe(100)
    expect(decide(options, new Error('x'))).toEqual({
      isUnrecoverable: false,
      retryDelayMs: undefined,
    })
    expect(decide(options, new Fatal('x'))).toEqual({
      isUnrecoverable: true,
      retryDelayMs: undefined,
    })
    expect(decide({ ...options, abortOn: [Transient] }, new Transient('x')).isUnrecoverable).toBe(
      true,
    )
  })

  it('asks retryIf with the error and the facts, and takes only true for yes', () => {
    const error = new Error('x')
    const asked: unknown[] = []
    decide({ ...exact, retryIf: (...args) => asked.push(args) > 0 }, error, 3)
    expect(asked).toEqual([[error, facts(3)]])
    expect(decide({ ...exact, retryIf: () => 'yes' as never }, error).retryDelayMs).toBeUndefined()
    expect(
      decide(
        {
          ...exact,
          retryIf: () => {
            throw new Error('bug')
          },
        },
        error,
      ).retryDelayMs,
    ).toBeUndefined()
  })

  it('takes a backoff function’s duration; one that throws or answers nonsense means no delay', () => {
    const error = new Error('x')
    expect(decide({ backoff: ({ failures }) => failures * 7 }, error, 3).retryDelayMs).toBe(21)
    expect(decide({ backoff: () => '1m' }, error).retryDelayMs).toBe(60_000)
    expect(decide({ backoff: () => Number.NaN }, error).retryDelayMs).toBe(0)
    expect(
      decide(
        {
          backoff: () => {
            throw new Error('bug')
          },
        },
        error,
      ).retryDelayMs,
    ).toBe(0)
    expect(decide({ backoff: () => Number.MAX_SAFE_INTEGER }, error).retryDelayMs).toBeLessThan(
      1e13,
    )
  })

  it('survives any thrown value', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const trap = new Proxy(new Error('x'), {
      getPrototypeOf: () => {
        throw new Error('trap')
      },
    })
    for (const thrown of [undefined, null, 'x', 7, Symbol('s'), Object.create(null), proxy, trap]) {
      expect(decide({ ...exact, abortOn: [Fatal] }, thrown).retryDelayMs).toBe(100)
    }
  })
})
