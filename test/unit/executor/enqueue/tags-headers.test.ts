import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { eventsOf, recorded } from '../../../support/recorded.ts'
import { stores } from '../../../support/stores.ts'

const leaf = defineTask({
  name: 'leaf',
  run: (_none: undefined, { tags, headers }) => ({ tags, headers }),
})
const flaky = defineTask({
  name: 'flaky',
  retries: 1,
  backoff: { delay: 0 },
  run: async (_none: undefined, { tags, headers, attempt, enqueue }) => {
    if (attempt === 0) throw new Error('again')
    return { tags, headers, child: await (await enqueue(leaf)).result() }
  },
})

describe.each(stores)('tags and headers, on $name', ({ create }) => {
  it('tags are on record, context and every event; headers on record and context, through retries; neither on children', async () => {
    const { executor, events } = recorded({ backend: create()(), tasks: [flaky, leaf] })
    const tags = { plan: 'pro', region: 'eu-ü-\u0000-💥' }
    const headers = { 'x-caller': 'web', traceparent: '00-1' }
    const handle = await executor.enqueue(flaky, undefined, { tags, headers })
    expect(await handle.result()).toEqual({ tags, headers, child: { tags: {}, headers: {} } })
    expect(await executor.get(handle.id)).toMatchObject({ tags, headers })
    const own = eventsOf(events, handle.id)
    expect(own).toHaveLength(6)
    expect(own.every((event) => JSON.stringify(event.tags) === JSON.stringify(tags))).toBe(true)
    expect(own.some((event) => 'headers' in event)).toBe(false)
  })

  it('tags filter lists: all given ones must hold', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [leaf] })
    const enqueue = async (tags: Record<string, string>): Promise<string> =>
      (await executor.enqueue(leaf, undefined, { tags })).id
    const a = await enqueue({ plan: 'pro', region: 'eu' })
    const b = await enqueue({ plan: 'pro', region: 'us' })
    await enqueue({ plan: 'free', region: 'eu' })
    const list = async (tags: Record<string, string>): Promise<string[]> =>
      (await executor.list({ tags, order: 'oldest' })).records.map((record) => record.id)
    expect(await list({ plan: 'pro' })).toEqual([a, b])
    expect(await list({ plan: 'pro', region: 'eu' })).toEqual([a])
    expect(await list({ plan: 'gold' })).toEqual([])
  })
})

describe('wrong tags and headers', () => {
  it.each<[string, object]>([
    ['tags', { tags: { plan: 1 } }],
    [
      'tags',
      {
        tags: Object.fromEntries(Array.from({ length: 33 }, (_none, index) => [`k${index}`, 'v'])),
      },
    ],
    ['tags', { tags: new Map([['plan', 'pro']]) }],
    ['tags', { tags: 'pro' }],
    ['headers', { headers: new Headers({ a: 'b' }) }],
    ['headers', { headers: { a: 'x'.repeat(8_193) } }],
  ])('are refused, and nothing is stored: %s %#', async (option, options) => {
    const { executor } = recorded({ tasks: [leaf] })
    await expect(executor.enqueue(leaf, undefined, options)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: expect.stringMatching(`^${option}`),
    })
    expect((await executor.list()).records).toEqual([])
  })
})
