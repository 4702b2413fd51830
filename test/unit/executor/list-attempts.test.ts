import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createExecutor,
  defineTask,
  type AttemptQuery,
  type AttemptSummary,
} from '../../../src/index.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { recorded } from '../../support/recorded.ts'
import { stores } from '../../support/stores.ts'

const flaky = defineTask({
  name: 'flaky',
  queue: 'mail',
  retries: 3,
  backoff: { delay: '10s', factor: 1, jitter: 'none' },
  run(fails: number, { attempt }) {
    if (attempt < fails) throw new TypeError('flaked')
  },
})
const broken = defineTask({
  name: 'broken',
  run() {
    throw new RangeError('out of it')
  },
})

describe.each(stores)('listAttempts, on $name', ({ create }) => {
  /** flaky-0 … flaky-3, which fail as often as they say, and broken; one minute after another. */
  async function history(): Promise<{
    readonly start: number
    list(query?: AttemptQuery): Promise<readonly string[]>
    page(query?: AttemptQuery): Promise<readonly AttemptSummary[]>
    readonly executor: ReturnType<typeof createExecutor>
  }> {
    const clock = manualClock()
    const start = clock.now()
    const { executor } = recorded({ tasks: [flaky, broken], clock, backend: create()() })
    for (const fails of [0, 1, 2, 3]) {
      await executor.enqueue(flaky, fails, { id: `flaky-${fails}`, tags: { fails: String(fails) } })
      await clock.advance(60_000)
    }
    await executor.enqueue(broken, undefined, { id: 'broken' })
    await clock.advance(60_000)
    const page = async (query?: AttemptQuery): Promise<readonly AttemptSummary[]> =>
      (await executor.listAttempts(query)).attempts
    return {
      start,
      executor,
      page,
      list: async (query) =>
        (await page(query)).map(
          ({ taskId, attempt, outcome }) => `${taskId} ${attempt} ${outcome}`,
        ),
    }
  }

  const all = [
    'broken 0 failed',
    'flaky-3 3 succeeded',
    'flaky-3 2 failed',
    'flaky-3 1 failed',
    'flaky-3 0 failed',
    'flaky-2 2 succeeded',
    'flaky-2 1 failed',
    'flaky-2 0 failed',
    'flaky-1 1 succeeded',
    'flaky-1 0 failed',
    'flaky-0 0 succeeded',
  ]

  test('answers those of the newest records first, and of each the latest first', async () => {
    const { list } = await history()
    expect(await list()).toEqual(all)
  })

  test('each filter keeps what it says, and all given ones must hold', async () => {
    const { list, page, start } = await history()
    const fingerprint = (await page())[0]?.error?.fingerprint ?? ''
    const minute = (count: number): number => start + count * 60_000
    const kept = async (query: AttemptQuery): Promise<readonly number[]> =>
      (await list(query)).map((each) => all.indexOf(each))
    expect(await kept({ name: 'broken' })).toEqual([0])
    expect(await kept({ queue: 'mail' })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(await kept({ tags: { fails: '2' } })).toEqual([5, 6, 7])
    expect(await kept({ status: 'failed' })).toEqual([0])
    expect(await kept({ status: ['failed', 'cancelled', 'failed'] })).toEqual([0])
    expect(await kept({ outcome: 'succeeded' })).toEqual([1, 5, 8, 10])
    expect(await kept({ outcome: ['failed', 'running'] })).toEqual([0, 2, 3, 4, 6, 7, 9])
    expect(await kept({ fingerprint })).toEqual([0])
    expect(await kept({ fingerprint: 'ffffffffffffffff' })).toEqual([])
    expect(await kept({ since: minute(3) })).toEqual([0, 1, 2, 3, 4])
    expect(await kept({ until: minute(1) })).toEqual([10])
    expect(await kept({ since: minute(1), until: new Date(minute(1) + 1) })).toEqual([9])
    expect(await kept({ name: 'flaky', outcome: 'failed', since: minute(2) + 1 })).toEqual([
      2, 3, 4, 6,
    ])
  })

  test.each([1, 2, 3, 4, 7, 11])('pages of %d hold each attempt once, in order', async (limit) => {
    const { executor } = await history()
    for (const [query, expected] of [
      [{}, all],
      [{ outcome: 'failed' }, all.filter((each) => each.endsWith('failed'))],
    ] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await executor.listAttempts({ ...query, limit, ...(cursor && { cursor }) })
        expect(page.attempts.length).toBeLessThanOrEqual(limit)
        for (const { taskId, attempt, outcome } of page.attempts)
          seen.push(`${taskId} ${attempt} ${outcome}`)
        cursor = page.cursor
      } while (cursor !== undefined)
      expect(seen).toEqual(expected)
    }
  })

  test('a rare match among thousands comes in pages that may be empty, and comes once', async () => {
    const clock = manualClock()
    const ok = defineTask({ name: 'ok', run: () => {} })
    const { executor } = recorded({
      tasks: [ok, broken],
      clock,
      backend: create()(),
      concurrency: 1_000,
      retention: { maxCount: Infinity },
    })
    const settled = async (): Promise<void> => {
      while ((await executor.counts()).running > 0 || (await executor.counts()).pending > 0)
        await clock.advance(10)
    }
    const first = await executor.enqueue(broken)
    await executor.enqueueMany(Array.from({ length: 4_500 }, () => ({ task: ok })))
    await settled()
    const found: string[] = []
    let pages = 0
    let cursor: string | undefined
    do {
      const page = await executor.listAttempts({ outcome: 'failed', ...(cursor && { cursor }) })
      found.push(...page.attempts.map(({ taskId }) => taskId))
      cursor = page.cursor
      pages += 1
    } while (cursor !== undefined)
    expect(found).toEqual([first.id])
    expect(pages).toBeGreaterThan(1)
  }, 20_000)

  test('shows an attempt that runs', async () => {
    const clock = manualClock()
    const slow = defineTask({
      name: 'slow',
      run: (_input: unknown, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const { executor } = recorded({ tasks: [slow], clock, backend: create()(), id: 'me' })
    const handle = await executor.enqueue(slow)
    await clock.settle()
    expect((await executor.listAttempts({ outcome: 'running' })).attempts).toMatchObject([
      { taskId: handle.id, attempt: 0, endedAt: undefined, runMs: undefined, worker: 'me' },
    ])
  })
})

const wrong: readonly (readonly [string, unknown, string])[] = [
  ['no object', 7, 'query'],
  ['an unknown filter', { nmae: 't' }, 'nmae'],
  ['a name that is no string', { name: 7 }, 'name'],
  ['an unknown status', { status: 'done' }, 'status'],
  ['no status', { status: [] }, 'status'],
  ['an unknown outcome', { outcome: ['failed', 'expired'] }, 'outcome'],
  ['a fingerprint that is no string', { fingerprint: 7 }, 'fingerprint'],
  ['tags that are none', { tags: 'plan' }, 'tags'],
  ['an instant that is NaN', { since: Number.NaN }, 'since'],
  ['an invalid date', { until: new Date('never') }, 'until'],
  ['a limit of 0', { limit: 0 }, 'limit'],
  ['a limit beyond 200', { limit: 201 }, 'limit'],
  ['half a limit', { limit: 1.5 }, 'limit'],
  ['a cursor of list()', { cursor: 'p12' }, 'cursor'],
  ['a cursor that is none', { cursor: 'a1' }, 'cursor'],
]
test.each(wrong)('listAttempts refuses %s', async (_what, query, option) => {
  const executor = createExecutor({ observers: [] })
  onTestFinished(() => executor.close())
  await expect(executor.listAttempts(query as AttemptQuery)).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    option,
  })
})
