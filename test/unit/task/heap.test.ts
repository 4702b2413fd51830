import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHeap } from '../../../src/task/heap.ts'

describe('createHeap', () => {
  it('gives back whatever was pushed, least first, in between removals too', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.integer(), fc.constant('pop' as const), fc.constant('evens' as const)),
        ),
        (steps) => {
          const heap = createHeap<number>((a, b) => a < b)
          let model: number[] = []
          for (const step of steps) {
            if (step === 'pop') {
              model.sort((a, b) => a - b)
              expect(heap.pop()).toBe(model.shift())
            } else if (step === 'evens') {
              const removed = heap.removeAll((item) => item % 2 === 0)
              expect(new Set(removed)).toEqual(new Set(model.filter((item) => item % 2 === 0)))
              expect(removed).toHaveLength(model.filter((item) => item % 2 === 0).length)
              model = model.filter((item) => item % 2 !== 0)
            } else {
              heap.push(step)
              model.push(step)
            }
            expect(heap.size).toBe(model.length)
            expect(heap.peek()).toBe(model.length === 0 ? undefined : Math.min(...model))
          }
        },
      ),
    )
  })
})
