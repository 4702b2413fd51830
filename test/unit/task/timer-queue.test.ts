import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/executor/system-clock.ts'
import { MAX_TIMER_MS, type Clock } from '../../../src/task/clock.ts'
import { createTimerQueue } from '../../../src/task/timer-queue.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'

const now = (fire: () => void): void => fire()
const DAY_MS = 86_400_000

describe('createTimerQueue', () => {
  it('fires in order of time, then of setting, over one timer of the clock', async () => {
    const clock = manualClock()
    const timers = createTimerQueue(clock, now)
    const fired: string[] = []
    timers.after(30, () => fired.push('c'))
    timers.after(10, () => fired.push('a'))
    timers.after(20, () => fired.push('b'))
    expect(clock.pendingTimers).toBe(1)
    await clock.advance(20)
    expect(fired).toEqual(['a', 'b'])
    expect(timers.size).toBe(1)
    await clock.advance(10)
    expect(fired).toEqual(['a', 'b', 'c'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('never fires what was called off, and leaves no timer for it', async () => {
    const clock = manualClock()
    const timers = createTimerQueue(clock, now)
    let fired = 0
    const deadlines = Array.from({ length: 1_000 }, (_none, index) =>
      timers.after(index + 1, () => (fired += 1)),
    )
    for (const deadline of deadlines.slice(1)) deadline.cancel()
    await clock.advance(5_000)
    expect(fired).toBe(1)
    deadlines[0]?.cancel()
    expect(timers.size).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('chunks a delay of 25 days, and fires it to the millisecond', async () => {
    const clock = manualClock()
    const delays: number[] = []
    const watched: Clock = {
      ...clock,
      setTimeout(callback, delayMs) {
        delays.push(delayMs)
        return clock.setTimeout(callback, delayMs)
      },
    }
    const timers = createTimerQueue(watched, now)
    let firedAt = 0
    const start = clock.now()
    timers.after(25 * DAY_MS, () => (firedAt = clock.now()))
    await clock.advance(25 * DAY_MS - 1)
    expect(firedAt).toBe(0)
    await clock.advance(1)
    expect(firedAt - start).toBe(25 * DAY_MS)
    expect(delays).toEqual([MAX_TIMER_MS, 25 * DAY_MS - MAX_TIMER_MS])
  })

  it('sets others meanwhile, from a callback too', async () => {
    const clock = manualClock()
    const timers = createTimerQueue(clock, now)
    const fired: number[] = []
    timers.after(100, () => fired.push(100))
    timers.after(10, () => {
      fired.push(10)
      timers.after(5, () => fired.push(15))
    })
    await clock.advance(100)
    expect(fired).toEqual([10, 15, 100])
  })

  it('goes on after a callback that throws', async () => {
    const clock = manualClock()
    const timers = createTimerQueue(clock, now)
    const fired: string[] = []
    timers.after(1, () => {
      throw new Error('bug')
    })
    timers.after(1, () => fired.push('same instant'))
    timers.after(2, () => fired.push('later'))
    await expect(clock.advance(1)).rejects.toThrow('bug')
    await clock.advance(10)
    expect(fired).toEqual(['same instant', 'later'])
  })

  it('forgets everything when cleared, and a late cancel is harmless', async () => {
    const clock = manualClock()
    const timers = createTimerQueue(clock, now)
    let fired = 0
    const deadline = timers.after(1, () => (fired += 1))
    timers.clear()
    deadline.cancel()
    await clock.advance(10)
    expect([fired, timers.size, clock.pendingTimers]).toEqual([0, 0, 0])
    timers.after(1, () => (fired += 1))
    await clock.advance(1)
    expect(fired).toBe(1)
  })

  it('lets the process end unless one of its deadlines keeps it', () => {
    const refs: boolean[] = []
    const clock = manualClock()
    const watched: Clock = {
      ...clock,
      setTimeout(callback, delayMs) {
        const timer = clock.setTimeout(callback, delayMs)
        refs.push(true)
        const index = refs.length - 1
        return Object.assign(timer, { unref: () => (refs[index] = false) })
      },
    }
    const timers = createTimerQueue(watched, now)
    timers.after(10, () => {}, false)
    expect(refs).toEqual([false])
    const holding = timers.after(20, () => {}, true)
    expect(refs.at(-1)).toBe(true)
    holding.cancel()
    expect(refs.at(-1)).toBe(false)
  })
})

describe('on the system clock', () => {
  const warnings: string[] = []
  const note = (warning: Error): void => void warnings.push(warning.name)
  beforeEach(() => void process.on('warning', note))
  afterEach(() => void process.off('warning', note))

  it('a delay of 25 days makes no TimeoutOverflowWarning and does not fire', async () => {
    const timers = createTimerQueue(systemClock, now)
    let fired = 0
    timers.after(25 * DAY_MS, () => (fired += 1))
    timers.after(Infinity, () => (fired += 1))
    await new Promise((resolve) => setTimeout(resolve, 20))
    timers.clear()
    expect(fired).toBe(0)
    expect(warnings).toEqual([])
  })
})
