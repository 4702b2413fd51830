import { describe, expect, test } from 'vitest'
import { defineTask, memoryBackend, type Executor, type ListQuery } from '../../../../src/index.ts'
import { HOSTILE_TEXTS } from '../../../../src/testing/hostile-text.ts'
import { recorded } from '../../../support/recorded.ts'
import { withShortPages } from '../../../support/short-pages.ts'
import { joined, stores } from '../../../support/stores.ts'

const work = defineTask({ name: 'work', run: (_input: unknown) => 'done' })
const fail = defineTask({
  name: 'fail',
  run: (message: string) => {
    throw new RangeError(message)
  },
})

/** The ids of all pages, in order, and how many pages there were. */
async function allOf(executor: Executor, query: ListQuery): Promise<[string[], number]> {
  const ids: string[] = []
  let pages = 0
  let cursor: string | undefined
  do {
    const page = await executor.list({ ...query, cursor })
    expect(page.records.length).toBeLessThanOrEqual(query.limit ?? 50)
    ids.push(...page.records.map((record) => record.id))
    cursor = page.cursor
    pages += 1
  } while (cursor !== undefined)
  return [ids, pages]
}

describe.each(stores)('a list, on $name', ({ create }) => {
  test('finds a text in what people know of a task, whatever the case', async () => {
    const { executor } = joined({ backend: create()(), tasks: [work, fail] })
    await executor.enqueue(work, 'needle', { id: 'Order-1', tags: { plan: 'pro' } })
    await executor.enqueue(work, null, { id: 'o2', label: 'Mail to "Ada"' })
    await executor.enqueue(work, null, { id: 'o3', tags: { plan: 'Needle\n', needle: '' } })
    await executor.enqueue(fail, 'no needle', { id: 'o4' })
    await executor.drain({ timeout: '5s' })
    const find = async (text: string): Promise<string[]> =>
      (await allOf(executor, { text, order: 'oldest' }))[0]
    expect(await find('ORDER-')).toEqual(['Order-1'])
    expect(await find('to "ada')).toEqual(['o2'])
    expect(await find('needle')).toEqual(['o3', 'o4'])
    expect(await find('needle\n')).toEqual(['o3'])
    expect(await find('rangeerror')).toEqual(['o4'])
    expect(await find('plan')).toEqual([])
    const failed = await executor.list({ text: 'needle', status: 'failed' })
    expect(failed.records.map((record) => record.id)).toEqual(['o4'])
  })

  test('shows another executor of the store the same, and what its neighbour has in hand', async () => {
    const open = create()
    const { executor } = joined({ backend: open(), tasks: [work], id: 'a' })
    const { executor: other } = joined({ backend: open(), tasks: [], id: 'b' })
    await executor.enqueue(work, null, { id: 'now' })
    await executor.enqueue(work, null, { id: 'later', delay: '1h', tags: { plan: 'pro' } })
    await executor.drain({ timeout: '5s' })
    const page = await other.list({ order: 'oldest' })
    expect(page.records.map(({ id, status }) => [id, status])).toEqual([
      ['now', 'succeeded'],
      ['later', 'scheduled'],
    ])
    const scheduled = await other.list({ status: 'scheduled', tags: { plan: 'pro' } })
    expect(scheduled.records.map((record) => record.id)).toEqual(['later'])
    expect(await other.counts()).toMatchObject({ succeeded: 1, scheduled: 1, pending: 0 })
  })

  test('finds texts that break careless writers', async () => {
    const { executor } = joined({ backend: create()(), tasks: [work] })
    const texts = HOSTILE_TEXTS.map((text) => text.slice(0, 198)).filter((text) => text !== '')
    for (const [index, text] of texts.entries()) {
      await executor.enqueue(work, null, { id: `h${index}`, label: `<${text}>` })
    }
    for (const [index, text] of texts.entries()) {
      const { records } = await executor.list({ text, limit: 200 })
      expect(records.map((record) => record.id)).toContain(`h${index}`)
    }
  })

  test('has a cursor that stays good while tasks come, end and go', async () => {
    const backend = create()()
    const options = { backend, tasks: [work], retention: { maxCount: 30 }, concurrency: 4 }
    const { executor } = joined(options)
    const held = Array.from({ length: 40 }, (_, index) => `held-${index}`)
    for (const [index, id] of held.entries()) {
      await executor.enqueue(work, null, { id, delay: '1h' })
      await executor.enqueue(work, null, { id: `before-${index}` })
    }
    for (const order of ['oldest', 'newest'] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      for (let turn = 0; turn < 500; turn++) {
        const page = await executor.list({ limit: 3, order, cursor })
        seen.push(...page.records.map((record) => record.id))
        cursor = page.cursor
        if (cursor === undefined) break
        // Fewer than a page has, so that the end is reached.
        await executor.enqueue(work, null, { id: `${order}-${turn}` })
      }
      expect(cursor).toBeUndefined()
      const stayed = seen.filter((id) => id.startsWith('held-'))
      expect(stayed).toEqual(order === 'oldest' ? held : held.toReversed())
      expect(new Set(seen).size).toBe(seen.length)
    }
  })

  test('goes back and forth by any cursor, and every filter is held', async () => {
    const { executor } = joined({ backend: create()(), tasks: [work, fail] })
    for (let index = 0; index < 12; index++) {
      const options = { id: `c${index}`, tags: { odd: String(index % 2) }, queue: `q${index % 3}` }
      await executor.enqueue(index % 4 === 0 ? fail : work, 'x', options)
    }
    await executor.drain({ timeout: '5s' })
    const query = { name: 'work', tags: { odd: '1' }, queue: 'q1', status: ['succeeded'] } as const
    expect((await allOf(executor, { ...query, limit: 1 }))[0]).toEqual(['c7', 'c1'])
    const first = await executor.list({ limit: 5, order: 'oldest' })
    expect(first.cursor).toMatch(/^p\d+$/)
    const back = await executor.list({ cursor: first.cursor, order: 'newest' })
    expect(back.records.map((record) => record.id)).toEqual(['c3', 'c2', 'c1', 'c0'])
    expect(back.cursor).toBeUndefined()
  })
})

describe('a store with short pages', () => {
  test('is listed to the end, over empty pages', async () => {
    const backend = withShortPages(memoryBackend())
    const { executor } = recorded({ backend, tasks: [work, fail] })
    for (let index = 0; index < 9; index++) {
      await executor.enqueue(index % 4 === 0 ? fail : work, 'x', { id: `s${index}` })
    }
    await executor.drain({ timeout: '5s' })
    expect(await allOf(executor, { name: 'fail' })).toEqual([['s8', 's4', 's0'], 9])
    expect(await allOf(executor, { name: 'nobody' })).toEqual([[], 9])
  })

  test('gives retryFailed all that failed before, and not what failed again meanwhile', async () => {
    const backend = withShortPages(memoryBackend())
    const { executor } = recorded({ backend, tasks: [work, fail] })
    for (let index = 0; index < 8; index++) {
      await executor.enqueue(index % 2 === 0 ? fail : work, 'x', { id: `s${index}` })
    }
    await executor.drain({ timeout: '5s' })
    const handles = await executor.retryFailed()
    expect(handles).toHaveLength(4)
    await executor.drain({ timeout: '5s' })
    expect((await executor.retryFailed({ limit: 3 })).length).toBe(3)
  })

  test('gives a record all of its children', async () => {
    const parent = defineTask({
      name: 'parent',
      run: async (_input: unknown, context) => {
        for (let index = 0; index < 5; index++) {
          await context.enqueue(work, index)
          await executor.enqueue(work, index)
        }
      },
    })
    const backend = withShortPages(memoryBackend())
    const { executor } = recorded({ backend, tasks: [work, parent] })
    const handle = await executor.enqueue(parent, null)
    await executor.drain({ timeout: '5s' })
    expect((await executor.list({ parentId: handle.id, limit: 200 })).records.length).toBeLessThan(
      2,
    )
    expect((await handle.children()).length).toBe(10)
  })
})

describe('a wrong query', () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ['text', ''],
    ['text', 'x'.repeat(201)],
    ['text', 7],
    ['text', null],
    ['text', ['x']],
    ['status', []],
    ['status', [undefined]],
    ['status', ['failed', 'Failed']],
    ['status', { length: 1, 0: 'failed' }],
    ['name', 7],
    ['queue', {}],
    ['parentId', Symbol('x')],
    ['tags', 'plan'],
    ['tags', new Map([['plan', 'pro']])],
    ['tags["plan"]', { plan: 7 }],
    ['createdAfter', Number.NaN],
    ['createdAfter', '2026-01-01'],
    ['createdBefore', new Date('no')],
    ['createdBefore', Infinity],
    ['limit', 0],
    ['limit', 201],
    ['limit', 1.5],
    ['limit', '10'],
    ['order', 'random'],
    ['logs', 'yes'],
    ['cursor', ''],
    ['cursor', 'p'],
    ['cursor', 'p-1'],
    ['cursor', 'p1e3'],
    ['cursor', ' p1'],
    ['cursor', 'p1\n'],
    ['cursor', `p${'9'.repeat(16)}`],
    ['cursor', 12],
  ]

  test.each(wrong)('is refused, and the error names %s: %j', async (option, value) => {
    const { executor } = recorded({ tasks: [work] })
    const [key = ''] = option.split('[')
    await expect(executor.list({ [key]: value })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option,
      message: expect.stringContaining('list: ') as string,
    })
  })

  test('is refused whatever it is, also when it cannot be read', async () => {
    const { executor } = recorded({ tasks: [work] })
    const throwing = {
      get text(): string {
        throw new Error('not for you')
      },
    }
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    for (const query of ['failed', 7, null, [], throwing, revoked.proxy]) {
      await expect(executor.list(query as ListQuery)).rejects.toMatchObject({
        code: 'INVALID_OPTIONS',
      })
    }
  })

  test('is what was read of it first: a getter that changes its mind changes nothing', async () => {
    const { executor } = recorded({ tasks: [work] })
    await executor.enqueue(work, null, { id: 'one' })
    let reads = 0
    const query = {
      get limit(): number {
        reads += 1
        return reads === 1 ? 1 : 1e9
      },
    }
    expect((await executor.list(query)).records).toHaveLength(1)
    expect(reads).toBe(1)
  })
})
