import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Row } from '../../../src/backends/memory/row.ts'
import { RowTable } from '../../../src/backends/memory/table.ts'

function rowAt(position: number): Row {
  const spec = { id: `id-${position}` } as Row['spec']
  return new Row(position, spec, {} as Row['state'])
}

describe('RowTable', () => {
  it('has what was added and not deleted, by position and by id, whenever it is asked', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('add' as const), count: fc.integer({ min: 1, max: 3_000 }) }),
      // From the oldest on, all but every nth: those that stay are scattered.
      fc.record({
        type: fc.constant('delete' as const),
        count: fc.integer({ min: 1, max: 4_000 }),
        keep: fc.integer({ min: 2, max: 900 }),
      }),
      fc.record({ type: fc.constant('look' as const), seed: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const table = new RowTable()
        const model = new Map<number, Row>()
        for (const each of steps) {
          if (each.type === 'add') {
            for (let count = 0; count < each.count; count++) {
              const row = rowAt(table.lastPosition + 1)
              table.add(row)
              model.set(row.position, row)
            }
          } else if (each.type === 'delete') {
            const doomed = [...model.values()].slice(0, each.count)
            for (const row of doomed.filter(({ position }) => position % each.keep !== 0)) {
              table.delete(row.position)
              table.delete(row.position)
              model.delete(row.position)
            }
          } else {
            const position = each.seed % (table.lastPosition + 2)
            expect(table.get(`id-${position}`)).toBe(model.get(position))
          }
          for (const seed of [0, 0.3, 0.7, 1]) {
            const position = Math.round(seed * (table.lastPosition + 1))
            expect(table.at(position)).toBe(model.get(position))
          }
          expect(table.size).toBe(model.size)
        }
        expect([...table.values()]).toEqual([...model.values()])
        for (const [position, row] of model) expect(table.at(position)).toBe(row)
      }),
      { numRuns: 40 },
    )
  })

  it('does not keep the places of those that have gone while one stays', () => {
    const table = new RowTable()
    const first = rowAt(1)
    table.add(first)
    for (let position = 2; position <= 200_000; position++) {
      const row = rowAt(position)
      table.add(row)
      table.delete(row.position)
    }
    expect(table.at(1)).toBe(first)
    expect(table.get('id-1')).toBe(first)
    expect(table.places).toBeLessThan(3_000)
  })

  it('gives its places back', () => {
    const table = new RowTable()
    const rows = Array.from({ length: 100_000 }, (_, index) => rowAt(index + 1))
    for (const row of rows) table.add(row)
    for (const row of rows.toSpliced(99_990, 5)) table.delete(row.position)
    expect([...table.values()]).toEqual(rows.slice(99_990, 99_995))
    expect(table.places).toBeLessThan(3_000)
  })

  it('finds an id again after its index was dropped', () => {
    const table = new RowTable()
    table.add(rowAt(1))
    expect(table.get('id-1')?.position).toBe(1)
    for (let position = 2; position <= 30_000; position++) table.add(rowAt(position))
    expect(table.get('id-30000')?.position).toBe(30_000)
    expect(table.get('id-1')?.position).toBe(1)
  })
})
