import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
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
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const queue = createReadyQueue<EngineItem>()
        let model: EngineItem[] = []
        const gone: EngineItem[] = []
        let position = 0
        for (const each of steps) {
          model.sort((a, b) => (goesBefore(a, b) ? -1 : 1))
          if (each.do === 'push') {
            // Now and then an item comes back with its old place.
            const old = each.back === 0 ? gone.pop() : undefined
            const next = old ?? item(each.priority, (position += 1))
            queue.push(next)
            model.push(next)
          } else if (each.do === 'pop') {
            const next = model.shift()
            expect(queue.pop()).toBe(next)
            if (next !== undefined) gone.push(next)
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
            gone.push(target)
          }
          expect(queue.size).toBe(model.length)
        }
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['in the order of their coming', (_index: number) => 0],
    ['each before the last one', (index: number) => index],
    ['by any priority', (index: number) => (index * 7_919) % 100],
  ])('lets a hundred thousand that came %s be removed in any order', (_name, priority) => {
    const queue = createReadyQueue<EngineItem>()
    const items = Array.from({ length: 100_000 }, (_, index) => item(priority(index), index))
    for (const each of items) queue.push(each)
    // Any order: 61,843 and the length have no divisor in common.
    const order = items.map((_, index) => items[(index * 61_843) % items.length] as EngineItem)
    const startedAt = performance.now()
    let removed = 0
    for (const each of order) if (queue.remove(each)) removed += 1
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect(removed).toBe(items.length)
    expect(queue.size).toBe(0)
    expect(queue.peek()).toBeUndefined()
    expect(queue.removeAll()).toEqual([])
  })

  test('answers in a moment for what it does not hold', () => {
    const queue = createReadyQueue<EngineItem>()
    for (let index = 0; index < 50_000; index++) queue.push(item(index % 2, index))
    const startedAt = performance.now()
    for (let index = 0; index < 50_000; index++) {
      expect(queue.remove(item(index % 2, index))).toBe(false)
    }
    expect(queue.size).toBe(50_000)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  test.each([
    ['ring', 0],
    ['heap', 1],
  ])('keeps nothing of what was removed, and takes it back: %s', async (_name, step) => {
    const queue = createReadyQueue<EngineItem>()
    const held: WeakRef<EngineItem>[] = []
    // The first stay, so that what is removed behind them does not come to the head.
    const first = Array.from({ length: 10 }, (_, index) => item(1_000 + index * step, index))
    for (const each of first) queue.push(each)
    const back = item(500, 500)
    ;(() => {
      const rest = Array.from({ length: 100 }, (_, index) => item(index * step, 100 + index))
      for (const each of [...rest, back]) queue.push(each)
      for (const each of [...rest, back]) expect(queue.remove(each)).toBe(true)
      held.push(...rest.map((each) => new WeakRef(each)))
    })()
    queue.push(back)
    expect(queue.size).toBe(11)
    // Weak references hold what they were made for until the current job ends.
    await setImmediate()
    setFlagsFromString('--expose-gc')
    ;(runInNewContext('gc') as () => void)()
    // What is held besides is less than what waits.
    expect(held.filter((each) => each.deref() !== undefined).length).toBeLessThan(11)
    const order = [...first, back].sort((a, b) => (goesBefore(a, b) ? -1 : 1))
    expect(order.map(() => queue.pop())).toEqual(order)
    expect(queue.size).toBe(0)
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
