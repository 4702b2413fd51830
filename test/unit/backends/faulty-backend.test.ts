import { describe, expect, test } from 'vitest'
import { memoryBackend } from '../../../src/backends/memory.ts'
import { A, newRecord } from '../../../src/testing/backend-cases/case.ts'
import { faultyBackend, seededFaults, type Fault } from '../../../src/testing/faulty-backend.ts'

describe('faultyBackend', () => {
  test.each([
    ['failBefore', false],
    ['failAfter', true],
  ] as const)('%s rejects, and whether the work was done is %j', async (fault, isDone) => {
    const inner = memoryBackend()
    await inner.open(A)
    const record = newRecord(A)
    const faulty = faultyBackend(inner, () => fault)
    await expect(faulty.insert([record])).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect((await inner.get(record.spec.id)) !== undefined).toBe(isDone)
  })

  test('hang does the work and never answers', async () => {
    const inner = memoryBackend()
    const faulty = faultyBackend(inner, () => 'hang')
    const answer = Promise.resolve(faulty.open(A)).then(() => 'answered')
    const later = new Promise((resolve) => {
      setTimeout(resolve, 20, 'nothing')
    })
    expect(await Promise.race([answer, later])).toBe('nothing')
    expect(inner.beat(A)).toEqual({ type: 'ok', cancels: [] })
  })

  test('the same seed gives the same faults', () => {
    const draw = (seed: number): (Fault | undefined)[] => {
      const plan = seededFaults(seed, { failBefore: 0.2, failAfter: 0.2, slow: 0.2 })
      return Array.from({ length: 200 }, (_, index) => plan({ method: 'get', index }))
    }
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    for (const fault of ['failBefore', 'failAfter', undefined]) expect(draw(7)).toContain(fault)
  })
})
