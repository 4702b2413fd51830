import { describe, expect, test } from 'vitest'
import { defineTask, memoryBackend } from '../../../src/index.ts'
import type { Backend, BeatResult } from '../../../src/backends/backend.ts'
import { faultyBackend } from '../../../src/testing/faulty-backend.ts'
import { manualClock } from '../../../src/testing.ts'
import { eventsOf, gate, recorded } from '../../support/recorded.ts'

/** Memory that says, when it is told to, that it has given our records away. */
function fickleBackend(): Backend & { lose(): void } {
  const inner = memoryBackend()
  let lost = false
  return {
    ...inner,
    capabilities: { ...inner.capabilities, durable: 'process' },
    lose: () => void (lost = true),
    beat(owner): BeatResult | Promise<BeatResult> {
      if (!lost) return inner.beat(owner)
      lost = false
      // As if it had died: its records are found by whoever looks for those of the dead.
      void inner.close(owner)
      return { type: 'lost' }
    },
  }
}

describe('a lost lease', () => {
  test('aborts the bodies with that reason, and refuses what they say from then on', async () => {
    const clock = manualClock()
    const backend = fickleBackend()
    const end = gate<string>()
    let signal: AbortSignal | undefined
    const task = defineTask({
      name: 'task',
      run(_input: unknown, context) {
        signal = context.signal
        return end.promise
      },
    })
    const { executor, events, types } = recorded({ tasks: [task], backend, clock })
    const handle = await executor.enqueue(task)
    await clock.settle()
    backend.lose()
    await clock.advance(5_000)
    expect(signal?.reason).toMatchObject({ code: 'TASK_INTERRUPTED', reason: 'lease_lost' })
    expect(types(handle.id)).toContain('attempt.discarded')
    expect(
      eventsOf(events, handle.id).find(({ type }) => type === 'attempt.discarded'),
    ).toMatchObject({
      reason: 'stale',
      attempt: 0,
    })
    end.open('too late')
    await clock.advance(5_000)
    expect(types(handle.id)).not.toContain('task.succeeded')
    expect((await handle.record())?.status).toBe('interrupted')
  })

  test('has work that may run again run again, here as well', async () => {
    const clock = manualClock()
    const backend = fickleBackend()
    const task = defineTask({
      name: 'task',
      requeueOnInterrupt: true,
      run: (_input: unknown, { attempt, signal }) =>
        attempt > 0
          ? 'second'
          : new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason as Error))
            }),
    })
    const { executor } = recorded({ tasks: [task], backend, clock })
    const handle = await executor.enqueue(task)
    await clock.settle()
    backend.lose()
    await clock.advance(20_000)
    expect(await handle.record()).toMatchObject({ status: 'succeeded', attempt: 1, recoveries: 1 })
  })
})

describe('a store that is away for longer than the lease', () => {
  test('starts nothing meanwhile, and within a second of its return everything that waits', async () => {
    const clock = manualClock()
    let isAway = false
    const backend = faultyBackend(fickleBackend(), ({ method }) =>
      isAway && method === 'beat' ? 'failBefore' : undefined,
    )
    const task = defineTask({ name: 'task', run: () => 'done' })
    const { executor, types } = recorded({ tasks: [task], backend, clock })
    await executor.start()
    isAway = true
    await clock.advance(21_000)
    const handle = await executor.enqueue(task)
    await clock.advance(100)
    expect(types(handle.id)).toEqual(['task.enqueued'])
    isAway = false
    await clock.advance(1_000)
    expect(types(handle.id)).toContain('task.succeeded')
  })
})
