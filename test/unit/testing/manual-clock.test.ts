import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../src/testing/manual-clock.ts'

describe('manualClock', () => {
  it('stands still until it is moved', async () => {
    const clock = manualClock(1_000)
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0])
    await clock.advance(250)
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250])
  })

  it('fires timers in order of their time, each at its own instant', async () => {
    const clock = manualClock(0)
    const fired: string[] = []
    for (const [name, delay] of [
      ['b', 20],
      ['a', 10],
      ['c', 20],
      ['late', 31],
    ] as const) {
      clock.setTimeout(() => fired.push(`${name}@${clock.now()}`), delay)
    }
    await clock.advance(30)
    expect(fired).toEqual(['a@10', 'b@20', 'c@20'])
    expect(clock.pendingTimers).toBe(1)
  })

  it('lets promises and immediates run in between, and fires what they start', async () => {
    const clock = manualClock(0)
    const fired: number[] = []
    clock.setTimeout(() => {
      setImmediate(() => {
        void Promise.resolve().then(() => clock.setTimeout(() => fired.push(clock.now()), 5))
      })
    }, 10)
    await clock.advance(20)
    expect(fired).toEqual([15])
  })

  it('does not fire what was cleared, nor at once what has no delay', async () => {
    const clock = manualClock(0)
    const fired: string[] = []
    const cleared = clock.setTimeout(() => fired.push('cleared'), 1)
    clock.setTimeout(() => fired.push('at once'), 0)
    clock.clearTimeout(cleared)
    await clock.advance(0)
    expect(fired).toEqual([])
    await clock.advance(1)
    expect(fired).toEqual(['at once'])
  })

  it('survives a timer that sets itself again', async () => {
    const clock = manualClock(0)
    let count = 0
    const again = (): void => {
      count++
      clock.setTimeout(again, 0)
    }
    again()
    await clock.advance(10)
    expect(count).toBe(11)
  })

  it('moves one advance after the other', async () => {
    const clock = manualClock(0)
    await Promise.all([clock.advance(10), clock.advance(10)])
    expect(clock.now()).toBe(20)
  })

  it('rejects with what a callback threw, and can go on', async () => {
    const clock = manualClock(0)
    clock.setTimeout(() => {
      throw new Error('callback')
    }, 5)
    await expect(clock.advance(10)).rejects.toThrow('callback')
    expect(clock.now()).toBe(5)
    await clock.advance(10)
    expect(clock.now()).toBe(15)
  })

  it('sets the wall clock alone', async () => {
    const clock = manualClock(0)
    const fired: number[] = []
    clock.setTimeout(() => fired.push(clock.now()), 10)
    clock.setNow(1_000_000)
    await clock.settle()
    expect(fired).toEqual([])
    await clock.advance(10)
    expect(fired).toEqual([1_000_010])
    expect(clock.monotonic()).toBe(10)
  })

  it('does not go back', async () => {
    await expect(manualClock().advance(-1)).rejects.toThrow('time moves forward only; got -1 ms')
  })
})
