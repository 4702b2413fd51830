import { describe, expect, test } from 'vitest'
import { chosenSeed } from '../support/random.ts'
import { hasFaketime } from './clock.ts'
import { cases, oneTaskPerKey, processes } from './redis-suite.ts'
import { frozen } from './redis/frozen.ts'
import { halfOpen } from './redis/half-open.ts'
import { manyOutages } from './redis/many-outages.ts'
import { OUTAGES } from './redis/outages.ts'
import { persistence, PERSISTENCES } from './redis/persistence.ts'
import { resets } from './redis/resets.ts'
import { skew } from './redis/skew.ts'
import { cutOff, storeAway } from './redis/store-away.ts'

const seed = chosenSeed()

// Most of it is waiting: they wait together.
describe.concurrent('Redis', () => {
  test('a Redis that stands still loses no event that fits the buffer, and gets none twice', async () => {
    const { breaches } = await frozen({ how: 'SIGSTOP', seconds: 4, pairs: 1, everyMs: 20 })
    expect(breaches).toEqual([])
  })

  test('what does not fit the buffer is dropped, counted, and told in the stream, to one event', async () => {
    const options = { how: 'SIGSTOP', seconds: 4, pairs: 1, everyMs: 10 } as const
    const { breaches } = await frozen({ ...options, overflows: true, maxQueue: 300 })
    expect(breaches).toEqual([])
  })

  test('two writers, a restart and a link that is cut lose no event, and write none twice', async () => {
    expect((await resets(15, seed)).breaches, `seed ${seed}`).toEqual([])
  })

  test('after an outage of any kind tasks run and events arrive within 5 s', async () => {
    const { backs, breaches } = await manyOutages(OUTAGES.length, seed, 3)
    expect(breaches, `seed ${seed}`).toEqual([])
    expect(backs).toHaveLength(OUTAGES.length)
  })

  test('a link that died without a word is noticed, and everything is back within 25 s', async () => {
    expect((await halfOpen('both')).breaches).toEqual([])
  })

  test('what a killed or frozen process had goes on elsewhere, and its late outcomes are refused', async () => {
    expect((await processes(seed, 2, { short: 1, long: 2 }, 0)).breaches, `seed ${seed}`).toEqual(
      [],
    )
  })

  test('a Redis that is killed and persists each write loses no accepted task', async () => {
    expect((await processes(seed, 0, { short: 0, long: 0 }, 3)).breaches, `seed ${seed}`).toEqual(
      [],
    )
  })

  test('a key is one task, however many callers and processes ask for it at once', async () => {
    expect((await oneTaskPerKey(40)).breaches).toEqual([])
  })

  const ends = PERSISTENCES.filter(({ name }) => /no |always/.test(name))
  test.each(ends)('a killed Redis with $name loses what it is said to lose', async (each) => {
    expect((await persistence(each, 1)).breaches).toEqual([])
  })

  test('while Redis is away enqueues are refused in time, bodies end, and their outcomes are stored after it', async () => {
    expect((await storeAway('SIGSTOP', 6)).breaches).toEqual([])
  })

  test('who was cut off for longer than its lease is told so, and nothing ends twice', async () => {
    expect((await cutOff(17)).breaches).toEqual([])
  })

  test.runIf(hasFaketime())('wall clocks that are an hour off change nothing', async () => {
    expect((await skew(10, 18, seed)).breaches, `seed ${seed}`).toEqual([])
  })

  const troubles = cases({ seed }).filter(({ name }) => name.startsWith('said: '))
  test.each(troubles)('$name', async ({ run }) => {
    expect((await run()).breaches).toEqual([])
  })
})
