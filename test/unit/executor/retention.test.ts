import { describe, expect, test } from 'vitest'
import type { Backend, Retention } from '../../../src/backends/backend.ts'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  type RetentionOptions,
  type TerminalStatus,
} from '../../../src/index.ts'
import { resolveRetention } from '../../../src/executor/retention.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { recorded } from '../../support/recorded.ts'

const DAY = 86_400_000
const ok = defineTask({ name: 'ok', run: () => {} })
const fails = defineTask({
  name: 'fails',
  run: () => {
    throw new Error('no')
  },
})

/** The memory backend with a note of each sweep, and a number that the next ones claim to have removed. */
function sweepable(): Backend & {
  readonly asked: Retention[]
  answers: (limit: number) => number
} {
  const inner = memoryBackend()
  const backend = {
    ...inner,
    asked: [] as Retention[],
    answers: (_limit: number): number => 0,
    sweep(retention: Retention) {
      backend.asked.push(retention)
      return backend.answers(retention.limit)
    },
  }
  return backend
}

describe('the rules of a retention', () => {
  test('without options one rule is for all that have ended', () => {
    expect(resolveRetention(undefined)).toEqual([
      { status: undefined, maxAgeMs: 7 * DAY, maxCount: undefined },
    ])
  })

  test('a status with a rule of its own is left to it', () => {
    const rules = resolveRetention({
      maxAge: '2d',
      maxCount: 50,
      byStatus: { failed: { maxAge: '30d', maxCount: 10 }, succeeded: { maxCount: 0 } },
    })
    expect(rules).toEqual([
      { status: ['cancelled', 'interrupted', 'expired'], maxAgeMs: 2 * DAY, maxCount: 50 },
      { status: ['succeeded'], maxAgeMs: 7 * DAY, maxCount: 0 },
      { status: ['failed'], maxAgeMs: 30 * DAY, maxCount: 10 },
    ])
  })

  test('with a rule for each status there is no general one', () => {
    const statuses = ['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'] as const
    const byStatus = Object.fromEntries(statuses.map((status) => [status, { maxAge: Infinity }]))
    const rules = resolveRetention({ byStatus })
    expect(rules.map(({ status }) => status)).toEqual(statuses.map((status) => [status]))
    expect(rules.every(({ maxAgeMs }) => maxAgeMs === Infinity)).toBe(true)
  })

  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['no object', 7, 'retention'],
    ['an unknown name', { maxAges: '1d' }, 'retention.maxAges'],
    ['a negative age', { maxAge: -1 }, 'retention.maxAge'],
    ['an age that is NaN', { maxAge: Number.NaN }, 'retention.maxAge'],
    ['an age without a unit', { maxAge: '7' }, 'retention.maxAge'],
    ['a negative count', { maxCount: -1 }, 'retention.maxCount'],
    ['a count that is NaN', { maxCount: Number.NaN }, 'retention.maxCount'],
    ['half a record', { maxCount: 0.5 }, 'retention.maxCount'],
    ['an unknown status', { byStatus: { done: {} } }, 'retention.byStatus.done'],
    ['a status that has not ended', { byStatus: { running: {} } }, 'retention.byStatus.running'],
    ['a rule that is none', { byStatus: { failed: '30d' } }, 'retention.byStatus.failed'],
    [
      'an unknown name in a rule',
      { byStatus: { failed: { age: 1 } } },
      'retention.byStatus.failed.age',
    ],
    [
      'a wrong age in a rule',
      { byStatus: { failed: { maxAge: -1 } } },
      'retention.byStatus.failed.maxAge',
    ],
    [
      'a general rule that is wrong, even with nothing left to it',
      {
        maxAge: -1,
        byStatus: { succeeded: {}, failed: {}, cancelled: {}, interrupted: {}, expired: {} },
      },
      'retention.maxAge',
    ],
  ]
  test.each(wrong)('refuses %s', (_what, retention, option) => {
    const create = (): unknown => createExecutor({ retention: retention as RetentionOptions })
    expect(create).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS', option }))
  })

  test('a refusal says which statuses there are', () => {
    expect(() => resolveRetention({ byStatus: { done: {} } })).toThrow(
      'there is only succeeded, failed, cancelled, interrupted, expired',
    )
  })
})

describe('sweeping', () => {
  test('each rule is followed, soon after the start and every half minute', async () => {
    const clock = manualClock()
    const backend = sweepable()
    const retention = { maxAge: 10, byStatus: { failed: { maxAge: Infinity, maxCount: 3 } } }
    const { executor } = recorded({ backend, clock, retention })
    await executor.start()
    await clock.advance(1_000)
    expect(backend.asked).toMatchObject([
      { endedBefore: clock.now() - 10, maxFinished: 1_000, status: expect.anything() },
      { endedBefore: 0, maxFinished: 3, status: ['failed'] },
    ])
    await clock.advance(30_000)
    expect(backend.asked).toHaveLength(4)
  })

  test('goes on until nothing is left, and leaves nine tenths of the time to others', async () => {
    const clock = manualClock()
    const backend = sweepable()
    const starts: number[] = []
    let left = 20_000
    backend.answers = (limit) => {
      starts.push(clock.monotonic())
      const removed = Math.min(limit, left)
      left -= removed
      return removed
    }
    const slow: Backend = {
      ...backend,
      sweep: async (retention) => {
        const removed = await backend.sweep(retention)
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 20))
        return removed
      },
    }
    const { executor } = recorded({ backend: slow, clock })
    await executor.start()
    await clock.advance(29_000)
    expect(left).toBe(0)
    expect(Math.max(...backend.asked.map(({ limit }) => limit))).toBeLessThanOrEqual(512)
    for (const [index, start] of starts.slice(1).entries())
      expect(start - (starts[index] as number)).toBeGreaterThanOrEqual(200)
    const sweeps = starts.length
    await clock.advance(900)
    expect(starts).toHaveLength(sweeps)
  })

  test('keeps up with whatever ends', async () => {
    const { executor } = recorded({ tasks: [ok], retention: { maxCount: 100 } })
    const backlog = Array.from({ length: 5_000 }, () => ({ task: ok }))
    await executor.enqueueMany(backlog)
    await executor.drain()
    const { succeeded } = await executor.counts()
    expect(succeeded).toBeGreaterThanOrEqual(100)
    expect(succeeded).toBeLessThan(100 + 256)
  })

  test('a failing store is reported, and asked again in the next round', async () => {
    const clock = manualClock()
    const backend = sweepable()
    backend.answers = () => {
      throw new Error('disk on fire')
    }
    const { executor, only } = recorded({ backend, clock })
    await executor.start()
    await clock.advance(1_000)
    expect(only('backend.error')).toMatchObject([{ operation: 'sweep' }])
    await clock.advance(30_000)
    expect(backend.asked).toHaveLength(2)
  })

  test('stops with the executor', async () => {
    const clock = manualClock()
    const backend = sweepable()
    backend.answers = (limit) => limit
    const { executor } = recorded({ backend, clock })
    await executor.start()
    await clock.advance(1_000)
    const closed = executor.close()
    await clock.advance(10)
    await closed
    const { length } = backend.asked
    await clock.advance(60_000)
    expect(backend.asked).toHaveLength(length)
  })

  test('an executor that only enqueues removes nothing unless it was given a retention', async () => {
    for (const [retention, sweeps] of [
      [undefined, 0],
      [{ maxAge: '1d' as const }, 1],
    ] as const) {
      const clock = manualClock()
      const backend = sweepable()
      const { executor } = recorded({ backend, clock, work: false, retention })
      await executor.start()
      await clock.advance(2_000)
      expect(backend.asked).toHaveLength(sweeps)
    }
  })

  test('removes by status what has ended, and no more', async () => {
    const clock = manualClock()
    const { executor } = recorded({
      tasks: [ok, fails],
      clock,
      retention: { maxAge: '1h', byStatus: { failed: { maxAge: '2h' } } },
    })
    await executor.enqueueMany([{ task: ok }, { task: fails }, { task: ok }])
    await executor.enqueue(ok, undefined, { delay: '5h' })
    const left = async (): Promise<Partial<Record<TerminalStatus | 'scheduled', number>>> => {
      const { succeeded, failed, scheduled } = await executor.counts()
      return { succeeded, failed, scheduled }
    }
    await clock.advance(60_000)
    expect(await left()).toEqual({ succeeded: 2, failed: 1, scheduled: 1 })
    await clock.advance(3_600_000)
    expect(await left()).toEqual({ succeeded: 0, failed: 1, scheduled: 1 })
    await clock.advance(3_600_000)
    expect(await left()).toEqual({ succeeded: 0, failed: 0, scheduled: 1 })
  })
})
