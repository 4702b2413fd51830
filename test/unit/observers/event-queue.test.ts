import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { eventQueue } from '../../../src/observers/event-queue.ts'

const event = (seq: number, isLog: boolean): PlainsightEvent =>
  ({ type: isLog ? 'task.log' : 'task.enqueued', seq }) as PlainsightEvent

/** The same promises over plain lists. */
function model(max: number, keepsTaken: boolean) {
  let kept = 0
  let taken: PlainsightEvent[] = []
  let waiting: PlainsightEvent[] = []
  return {
    add(next: PlainsightEvent) {
      waiting.push(next)
      if (taken.length + waiting.length <= max) return 0
      // Of those that wait, the first may have been taken before.
      const from = Math.max(0, kept - taken.length)
      const log = waiting.findIndex((each, index) => index >= from && each.type === 'task.log')
      waiting.splice(log < 0 ? from : log, 1)
      return 1
    },
    take(most: number) {
      taken = waiting.splice(0, most)
      if (keepsTaken) kept = Math.max(kept, taken.length)
      return taken
    },
    takeMore(most: number) {
      const more = waiting.splice(0, most)
      taken = [...taken, ...more]
      if (keepsTaken) kept = Math.max(kept, taken.length)
      return more
    },
    release(count: number) {
      taken = taken.slice(count)
      kept = Math.max(0, kept - count)
    },
    decide(count: number) {
      waiting = [...taken.slice(count), ...waiting]
      kept = Math.max(0, kept - count)
      taken = []
    },
    clear() {
      const count = taken.length + waiting.length
      taken = []
      waiting = []
      return count
    },
    sizes: () => [taken.length + waiting.length, waiting.length],
  }
}

it('is what a simple list would be, whatever is done to it', () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ do: fc.constant('add'), log: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('turn'), take: fc.nat(9), of: fc.nat(9) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('take'), take: fc.nat(9), of: fc.nat(9) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('go on'), take: fc.nat(9), of: fc.nat(9) }),
    },
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      fc.array(step, { maxLength: 200 }),
      (max, keepsTaken, steps) => {
        const queue = eventQueue(max, keepsTaken)
        const list = model(max, keepsTaken)
        let seq = 0
        let undecided = 0
        for (const each of steps) {
          if ('log' in each) {
            const next = event(seq++, each.log)
            expect(queue.add(next)).toBe(list.add(next))
          } else if (undecided > 0 && each.do === 'go on') {
            const count = Math.min(undecided, each.of)
            queue.release(count)
            list.release(count)
            const more = queue.takeMore(each.take)
            expect(more).toEqual(list.takeMore(each.take))
            undecided += more.length - count
          } else if (undecided > 0) {
            const count = Math.min(undecided, each.of)
            queue.decide(count)
            list.decide(count)
            undecided = 0
          } else {
            const batch = queue.take(each.take + 1)
            expect(batch).toEqual(list.take(each.take + 1))
            undecided = batch.length
            if (each.do === 'turn') {
              const count = Math.min(undecided, each.of)
              queue.decide(count)
              list.decide(count)
              undecided = 0
            }
          }
          expect([queue.size, queue.waiting]).toEqual(list.sizes())
        }
        expect(queue.clear()).toBe(list.clear())
        expect(queue.size).toBe(0)
      },
    ),
    { numRuns: 1_000 },
  )
})

it('keeps no more places than it needs, however long it is full', () => {
  const queue = eventQueue(100)
  queue.add(event(0, false))
  queue.take(1)
  // A batch that stays under way for a million events: all that may be kept are the 100 last.
  const before = process.memoryUsage().heapUsed
  let lost = 0
  for (let seq = 1; seq <= 1_000_000; seq++) lost += queue.add(event(seq, seq % 3 === 0))
  expect(lost).toBe(1_000_000 - 99)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64_000_000)
  queue.decide(1)
  expect(queue.take(1_000).map((each) => each.type)).toEqual(
    Array.from({ length: 99 }, () => 'task.enqueued'),
  )
})
