import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { memoryBackend } from '../../../src/backends/memory.ts'
import { A, endOf, NOW, specOf, stateOf } from '../../../src/testing/backend-cases/case.ts'
import { backendCases } from '../../../src/testing/backend-cases.ts'
import { faultyBackend, seededFaults } from '../../../src/testing/faulty-backend.ts'
import { repeatingBackend } from '../../../src/testing/repeating-backend.ts'
import { everySecond } from './fault-plan.ts'

const cases = backendCases.filter(({ durable }) => durable !== true)

describe('memoryBackend', () => {
  test.each(cases)('$name', (each) => each.run({ backend: memoryBackend() }))

  test('answers every call at once, without a promise', () => {
    const backend = memoryBackend()
    expect(backend.open({ executorId: 'a', now: 0 })).toBeUndefined()
    expect(backend.insert([])).toEqual([])
    expect(backend.sweep({ endedBefore: 0, maxFinished: 0, limit: 1, now: 0 })).toBe(0)
  })

  test('forgets what was cancelled long before it was due', async () => {
    const backend = memoryBackend()
    await backend.open(A)
    const inputs: WeakRef<object>[] = []
    await backend.insert([{ spec: specOf({ priority: 10 }), state: stateOf() }])
    for (let index = 0; index < 5_000; index++) {
      const spec = specOf({ id: `late-${index}` })
      inputs.push(new WeakRef(spec))
      // The second half is due, and lies below what is more urgent and never taken.
      const isLater = index < 2_500
      const state = stateOf({
        status: isLater ? 'scheduled' : 'pending',
        dueAt: NOW + (isLater ? 1e9 : 0),
      })
      await backend.insert([{ spec, state }])
      const answer = await backend.requestCancel(A, spec.id, {})
      if (answer.type !== 'claimed') throw new Error(answer.type)
      await backend.update([endOf(answer.record, 'cancelled')])
      await backend.sweep({ endedBefore: Infinity, maxFinished: 0, limit: 10, now: NOW })
    }
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    // A WeakRef holds what it leads to until the end of the turn.
    await new Promise((resolve) => void setImmediate(resolve))
    collect()
    expect(inputs.filter((input) => input.deref() !== undefined).length).toBeLessThan(2_500)
  })

  test('refuses a maxQueued that is not a number of records', () => {
    expect(() => memoryBackend({ maxQueued: 0 })).toThrow(/"maxQueued" must be an integer from 1/)
    expect(() => memoryBackend({ maxQueued: 1.5 })).toThrow(/INVALID|maxQueued/)
    expect(memoryBackend({ maxQueued: 7 }).capabilities.maxQueued).toBe(7)
    expect(memoryBackend().capabilities.maxQueued).toBe(100_000)
  })
})

describe('memoryBackend behind faults, with a caller that repeats', () => {
  describe.each(['failBefore', 'failAfter', { slowMs: 1 }] as const)('%j', (fault) => {
    test.each(cases)('$name', (each) => {
      const backend = repeatingBackend(faultyBackend(memoryBackend(), everySecond(fault)))
      return each.run({ backend })
    })
  })

  test.each(cases)('seeded: $name', (each) => {
    const plan = seededFaults(20_261_121, { failBefore: 0.3, slow: 0.1 })
    return each.run({ backend: repeatingBackend(faultyBackend(memoryBackend(), plan)) })
  })
})
