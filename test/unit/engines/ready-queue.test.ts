import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EngineItem } from '../../../src/engines/engine.ts'
import { createReadyQueue, goesBefore } from '../../../src/engines/local/ready-queue.ts'

function item(priority: number, position: number): EngineItem {
  return {
    id: `${position}`,
    name: 'n',
    queue: 'q',
    priority,
    position,
    dueAt: 0,
    keepAlive: false,
  }
}

describe('the ready queue', () => {
  test('behaves like a sorted list, whatever is done to it in whatever order', () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('push' as const),
        priority: fc.integer({ min: -2, max: 2 }),
        back: fc.nat(3),
      }),
      fc.constantFrom(
        { do: 'pop' as const },
        { do: 'peek' as const },
        { do: 'removeAll' as const },
      ),
      fc.record({ do: fc.constant('remove' as const), index: fc.nat(20) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = createReadyQueue<EngineItem>()
        let model: EngineItem[] = []
        const popped: EngineItem[] = []
        let position = 0
        for (const each of steps) {
          model.sort((a, b) => (goesBefore(a, b) ? -1 : 1))
          if (each.do === 'push') {
            // Now and then an item comes back with its old place.
            const old = each.back === 0 ? popped.pop() : undefined
            const next = old ?? item(each.priority, (position += 1))
            queue.push(next)
            model.push(next)
          } else if (each.do === 'pop') {
            const next = model.shift()
            expect(queue.pop()).toBe(next)
            if (next !== undefined) popped.push(next)
          } else if (each.do === 'peek') {
            expect(queue.peek()).toBe(model[0])
          } else if (each.do === 'removeAll') {
            expect(queue.removeAll()).toEqual(model)
            model = []
          } else {
            const target = model[each.index]
            if (target === undefined) continue
            expect(queue.remove(target)).toBe(true)
            expect(queue.remove(target)).toBe(false)
            model = model.filter((other) => other !== target)
          }
          expect(queue.size).toBe(model.length)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('lets a hundred thousand go in the order of their coming, in a moment', () => {
    const queue = createReadyQueue<EngineItem>()
    const items = Array.from({ length: 100_000 }, (_, index) => item(0, index))
    const startedAt = performance.now()
    for (const each of items) queue.push(each)
    for (const each of items) expect(queue.pop() === each).toBe(true)
    expect(queue.size).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})
