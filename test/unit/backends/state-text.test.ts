import { describe, expect, test } from 'vitest'
import { stateFrom, stateText, statusNumber } from '../../../src/backends/state-text.ts'
import type { AttemptFacts, TaskState } from '../../../src/task/record.ts'
import { transition } from '../../../src/task/transition.ts'

const state: TaskState = {
  status: 'succeeded',
  owner: null,
  fence: 1,
  starts: 1,
  recoveries: 0,
  crashes: 0,
  dueAt: 1_000,
  startedAt: 1_000,
  endedAt: 1_010,
  waitMs: 0,
  durationMs: 9.5,
  resultJson: '"done"',
  resultError: undefined,
  error: undefined,
  reason: undefined,
  cancelledBy: undefined,
  hold: undefined,
  worker: 'me',
}
const columns = { status: statusNumber('succeeded'), fence: 1, ended_at: 1_010 }
const again = (given: TaskState): TaskState => stateFrom(columns, null, stateText(given))

describe('a state as text', () => {
  const parts: Required<AttemptFacts> = {
    persistMs: 1.25,
    loopDelayMs: 120.5,
    logCounts: { info: 2, error: 1 },
    traceContext: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  }
  const names = Object.keys(parts) as (keyof AttemptFacts)[]
  const subsets = Array.from({ length: 2 ** names.length }, (_each, bits) =>
    Object.fromEntries(
      names.filter((_name, at) => (bits >> at) & 1).map((name) => [name, parts[name]]),
    ),
  )
  test.each(subsets)('keeps what was measured of the attempt: %j', (facts) => {
    expect(again({ ...state, facts }).facts).toEqual(facts)
  })

  test('keeps the attempts before, and how the latest ended', () => {
    const attemptEnd = { outcome: 'failed', reason: 'error' } as const
    const history = [{ attempt: 0, outcome: 'failed', ...parts } as never]
    expect(again({ ...state, attemptEnd, history })).toMatchObject({ attemptEnd, history })
  })

  test('that says nothing of these, as before them, reads well, and takes no room for them', () => {
    const text = stateText(state)
    expect(text).toBe(
      '{"dueAt":1000,"starts":1,"startedAt":1000,"waitMs":0,"durationMs":9.5,"worker":"me"}\n"done"',
    )
    expect(again(state)).toEqual(state)
    const retried = stateFrom(
      { status: statusNumber('running'), fence: 2, ended_at: null },
      'me',
      '{"dueAt":1000,"starts":1,"startedAt":1000}',
    )
    expect(
      transition(
        { requeueOnInterrupt: true } as never,
        retried,
        { type: 'interrupt', reason: 'crash' },
        5,
      ),
    ).toMatchObject({ status: 'pending', recoveries: 1 })
  })
})
