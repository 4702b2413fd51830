import { describe, expect, test } from 'vitest'
import type { EngineItem } from '../../../src/engines/engine.ts'
import { createLanes, type Lanes } from '../../../src/engines/local/lanes.ts'
import { seededRandom } from '../../support/random.ts'

let position = 0

function item(queue: string, priority = 0): EngineItem {
  position += 1
  return { id: `${position}`, name: 'task', queue, priority, position, dueAt: 0, keepAlive: false }
}

function filled(...items: readonly EngineItem[]): Lanes<EngineItem> {
  const lanes = createLanes<EngineItem>()
  for (const each of items) {
    lanes.arrived(each)
    lanes.push(each)
  }
  return lanes
}

function taken(lanes: Lanes<EngineItem>): EngineItem[] {
  const items: EngineItem[] = []
  for (let next = lanes.pop(); next !== undefined; next = lanes.pop()) {
    lanes.left(next)
    items.push(next)
  }
  return items
}

describe('lanes', () => {
  test('give each queue its turn, and keep the order within each', () => {
    const a = [item('a'), item('a'), item('a')]
    const b = [item('b'), item('b')]
    const c = [item('c')]
    expect(taken(filled(...a, ...b, ...c))).toEqual([a[0], b[0], c[0], a[1], b[1], a[2]])
  })

  test('give the highest priority of all queues first', () => {
    const low = item('a')
    const high = item('b', 5)
    const middle = item('a', 2)
    expect(taken(filled(low, high, middle))).toEqual([high, middle, low])
  })

  test('a queue that comes later is not put behind the turns of the others', () => {
    const many = Array.from({ length: 10 }, () => item('a'))
    const lanes = filled(...many)
    for (let n = 0; n < 4; n++) lanes.left(lanes.pop() as EngineItem)
    const late = item('b')
    lanes.arrived(late)
    lanes.push(late)
    expect(taken(lanes).indexOf(late)).toBeLessThan(2)
  })

  test('nobody overtakes what waits with the same priority, in whatever queue; a higher priority does', () => {
    const lanes = filled(item('a'))
    expect(lanes.isBehind(item('a'))).toBe(true)
    expect(lanes.isBehind(item('b'))).toBe(true)
    expect(lanes.isBehind(item('b', 1))).toBe(false)
    expect(lanes.isBehind(item('b', -1))).toBe(true)
  })

  test('count what each queue holds, and forget a queue that holds nothing', () => {
    const lanes = filled(item('a'), item('a'), item('b'))
    expect([lanes.heldIn('a'), lanes.heldIn('b'), lanes.heldIn('c'), lanes.size]).toEqual([
      2, 1, 0, 3,
    ])
    taken(lanes)
    expect([lanes.heldIn('a'), lanes.heldIn('b'), lanes.size]).toEqual([0, 0, 0])
  })

  test('serve fifty thousand queues in their turns, in a moment', () => {
    const items = Array.from({ length: 100_000 }, (_, n) => item(`q${n % 50_000}`))
    const lanes = filled(...items)
    const sinceMs = performance.now()
    const order = taken(lanes)
    expect(order.findIndex((each, n) => each !== items[n])).toBe(-1)
    expect(order).toHaveLength(items.length)
    expect(performance.now() - sinceMs).toBeLessThan(5_000)
  })

  test('shed those that would go last, in order, and keep the others', () => {
    const items = [item('a'), item('a', 3), item('a', 1), item('a')]
    const lanes = filled(...items)
    expect(lanes.lastPriority('a')).toBe(0)
    expect(lanes.shed('a', 2)).toEqual([items[0], items[3]])
    expect(lanes.heldIn('a')).toBe(2)
    expect(taken(lanes)).toEqual([items[1], items[2]])
    expect(lanes.shed('a', 2)).toEqual([])
  })

  test('give out each item once, whatever is pushed, removed and taken meanwhile', () => {
    const random = seededRandom(11)
    const lanes = createLanes<EngineItem>()
    const inside = new Set<EngineItem>()
    for (let step = 0; step < 20_000; step++) {
      const choice = random()
      if (choice < 0.5) {
        const next = item(`q${Math.floor(random() * 4)}`, Math.floor(random() * 3))
        lanes.arrived(next)
        lanes.push(next)
        inside.add(next)
      } else if (choice < 0.6) {
        const [some] = inside
        if (some === undefined) continue
        expect(lanes.remove(some)).toBe(true)
        expect(lanes.remove(some)).toBe(false)
        lanes.left(some)
        inside.delete(some)
      } else {
        const next = lanes.pop()
        const best = Math.max(-Infinity, ...[...inside].map(({ priority }) => priority))
        if (next === undefined) {
          expect(inside.size).toBe(0)
          continue
        }
        expect(next.priority).toBe(best)
        expect(inside.delete(next)).toBe(true)
        lanes.left(next)
      }
      expect(lanes.size).toBe(inside.size)
    }
  })
})
