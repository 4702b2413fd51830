import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../src/task/outcome.ts'
import {
  attemptOf,
  latestAttempt,
  maxAttemptsOf,
  type TaskSpec,
  type TaskState,
} from '../../../src/task/record.ts'
import { isTerminal, STATUSES, TRANSITIONS, type OutcomeType } from '../../../src/task/status.ts'
import { MAX_CRASHES, transition } from '../../../src/task/transition.ts'

const spec = (rest: Partial<TaskSpec> = {}): TaskSpec => ({
  id: 't1',
  name: 'task',
  label: undefined,
  queue: 'default',
  priority: 0,
  source: 'api',
  tags: {},
  headers: {},
  inputJson: undefined,
  createdAt: 1_000,
  expiresAt: undefined,
  retries: 0,
  requeueOnInterrupt: false,
  shield: false,
  parentId: undefined,
  rootId: 't1',
  retryOf: undefined,
  idempotencyKey: undefined,
  traceContext: undefined,
  context: undefined,
  options: undefined,
  localOptions: undefined,
  ...rest,
})
const state = (rest: Partial<TaskState> = {}): TaskState => ({
  status: 'pending',
  owner: 'e1',
  fence: 0,
  starts: 0,
  recoveries: 0,
  crashes: 0,
  dueAt: 1_000,
  startedAt: undefined,
  endedAt: undefined,
  waitMs: undefined,
  durationMs: undefined,
  resultJson: undefined,
  resultError: undefined,
  error: undefined,
  reason: undefined,
  cancelledBy: undefined,
  hold: undefined,
  ...rest,
})
const error = { name: 'Error', message: 'boom', fingerprint: '0'.repeat(16) }
const failure: Outcome = {
  type: 'failure',
  error,
  reason: 'error',
  durationMs: 5,
  retryDelayMs: 10,
}

const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constantFrom<Outcome>({ type: 'due' }, { type: 'start' }, { type: 'expire' }),
  fc.record({
    type: fc.constant('success' as const),
    durationMs: fc.nat(),
    resultJson: fc.option(fc.constant('1'), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('failure' as const),
    error: fc.constant(error),
    reason: fc.constantFrom('error' as const, 'timeout' as const),
    durationMs: fc.nat(),
    retryDelayMs: fc.option(fc.nat(), { nil: undefined, freq: 5 }),
  }),
  fc.record({
    type: fc.constant('cancel' as const),
    reason: fc.option(fc.string(), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('interrupt' as const),
    reason: fc.constantFrom('shutdown' as const, 'crash' as const, 'lease_lost' as const),
    requeue: fc.constantFrom(true, false, undefined),
  }),
)
const anySpec = fc
  .record({
    retries: fc.oneof(fc.nat({ max: 4 }), fc.constant(Infinity)),
    requeueOnInterrupt: fc.boolean(),
  })
  .map(spec)
// Outcomes weighted towards those that keep a task going, so that long lives are among them.
const anyLife = fc.array(
  fc.oneof(
    { arbitrary: fc.constantFrom<Outcome>({ type: 'due' }, { type: 'start' }, failure), weight: 4 },
    { arbitrary: anyOutcome, weight: 1 },
  ),
  { maxLength: 40 },
)

describe('transition', () => {
  it('never leaves a terminal status: it answers the same object', () => {
    fc.assert(
      fc.property(
        anySpec,
        fc.constantFrom(...STATUSES.filter(isTerminal)),
        anyOutcome,
        (of, status, outcome) => {
          const ended = state({ status, owner: null, endedAt: 9 })
          expect(transition(of, ended, outcome, 50)).toBe(ended)
        },
      ),
    )
  })

  it('keeps the retry budget: never more attempts than 1 + retries + recoveries', () => {
    fc.assert(
      fc.property(anySpec, anyLife, (of, life) => {
        let at = state()
        let retried = 0
        for (const [index, outcome] of life.entries()) {
          const before = at
          at = transition(of, at, outcome, index)
          if (at.status === 'retrying' && before.status === 'running') {
            retried += 1
            expect(attemptOf(before) - before.recoveries).toBeLessThan(of.retries)
          }
          expect(at.starts).toBeLessThanOrEqual(maxAttemptsOf(of, at))
          expect(retried).toBeLessThanOrEqual(of.retries)
          expect(at.crashes).toBeLessThanOrEqual(MAX_CRASHES + 1)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('lets fence and starts only grow, and keeps endedAt for ends alone', () => {
    fc.assert(
      fc.property(anySpec, anyLife, (of, life) => {
        let at = state()
        for (const [index, outcome] of life.entries()) {
          const next = transition(of, at, outcome, index)
          expect(next.fence).toBeGreaterThanOrEqual(at.fence)
          expect(next.starts - at.starts).toBe(outcome.type === 'start' && next !== at ? 1 : 0)
          expect(next.endedAt !== undefined).toBe(isTerminal(next.status))
          expect(next.owner === null).toBe(isTerminal(next.status))
          at = next
        }
      }),
    )
  })

  it.each(
    STATUSES.flatMap((status) =>
      (
        ['due', 'start', 'success', 'failure', 'cancel', 'interrupt', 'expire'] as OutcomeType[]
      ).map((type) => [status, type] as const),
    ),
  )(
    'from %s with %s comes what the published table says, all of it and nothing else',
    (status, type) => {
      const seen = new Set<string>()
      const terminal = isTerminal(status)
      const outcomes: Record<OutcomeType, Outcome[]> = {
        due: [{ type: 'due' }],
        start: [{ type: 'start' }],
        success: [{ type: 'success', durationMs: 1 }],
        failure: [failure, { ...failure, retryDelayMs: undefined }],
        cancel: [{ type: 'cancel' }],
        interrupt: [
          { type: 'interrupt', reason: 'crash' },
          { type: 'interrupt', reason: 'shutdown' },
          { type: 'interrupt', reason: 'shutdown', requeue: false },
        ],
        expire: [{ type: 'expire' }],
      }
      for (const outcome of outcomes[type]) {
        for (const requeueOnInterrupt of [true, false]) {
          for (const crashes of [0, MAX_CRASHES]) {
            const before = state({
              status,
              crashes,
              starts: status === 'running' ? 1 : 0,
              ...(terminal ? { owner: null } : undefined),
            })
            const after = transition(
              spec({ retries: 1, requeueOnInterrupt }),
              before,
              outcome,
              2_000,
            )
            if (after !== before) seen.add(after.status)
          }
        }
      }
      expect([...seen].sort()).toEqual([...(TRANSITIONS[status][type] ?? [])].sort())
    },
  )

  it('counts waiting from when it was due, never below zero', () => {
    expect(transition(spec(), state({ dueAt: 1_000 }), { type: 'start' }, 1_250).waitMs).toBe(250)
    expect(transition(spec(), state({ dueAt: 1_000 }), { type: 'start' }, 900).waitMs).toBe(0)
  })

  it('keeps how the latest attempt ended when the task comes to another end between two', () => {
    const running = state({ status: 'running', starts: 1, fence: 1, startedAt: 1_000 })
    const facts = { logCounts: { info: 2 } }
    const failed = transition(
      spec({ retries: 2 }),
      running,
      { ...failure, retryDelayMs: 5, facts },
      1_100,
    )
    const expected = { outcome: 'failed', reason: 'error', endedAt: 1_100, ...facts }
    for (const outcome of [
      { type: 'cancel', reason: 'crash' },
      { type: 'expire' },
      { type: 'interrupt', reason: 'shutdown', requeue: false },
    ] as const) {
      const ended = transition(spec(), failed, outcome, 1_200)
      expect([ended.endedAt, latestAttempt(ended)]).toEqual([
        1_200,
        expect.objectContaining(expected),
      ])
    }
    const again = transition(spec(), { ...failed, status: 'pending' }, { type: 'start' }, 1_200)
    expect(latestAttempt(again)?.outcome).toBe('running')
    expect(latestAttempt(again)?.logCounts).toBeUndefined()
    expect(again.history).toMatchObject([expected])
  })

  it('does not take the length of one attempt for that of the next, which was cut off elsewhere', () => {
    const second = state({ status: 'running', starts: 2, fence: 2, durationMs: 70 })
    for (const requeueOnInterrupt of [true, false]) {
      const outcome = { type: 'interrupt', reason: 'crash' } as const
      const ended = transition(spec({ requeueOnInterrupt }), second, outcome, 2_000)
      expect(latestAttempt(ended)).toMatchObject({ outcome: 'interrupted', durationMs: undefined })
    }
  })

  it('forbids a retry that the outcome forbids, whatever the budget', () => {
    const running = state({ status: 'running', starts: 1, fence: 1 })
    expect(
      transition(spec({ retries: Infinity }), running, { ...failure, retryDelayMs: undefined }, 1),
    ).toMatchObject({
      status: 'failed',
      owner: null,
      error,
      reason: 'error',
    })
  })

  it('does not let recoveries use up retries', () => {
    const running = state({ status: 'running', starts: 4, recoveries: 3, fence: 4 })
    expect(transition(spec({ retries: 1 }), running, failure, 1).status).toBe('retrying')
    expect(transition(spec({ retries: 1 }), { ...running, starts: 5 }, failure, 1).status).toBe(
      'failed',
    )
  })

  it('ends the fourth crash as a crash loop, and no number of shutdowns', () => {
    const of = spec({ retries: 1, requeueOnInterrupt: true })
    const running = state({ status: 'running', starts: 9, recoveries: 8, crashes: 3, fence: 9 })
    expect(transition(of, running, { type: 'interrupt', reason: 'crash' }, 1)).toMatchObject({
      status: 'failed',
      reason: 'crash_loop',
      crashes: 4,
      error: { name: 'CrashLoopError' },
    })
    expect(transition(of, running, { type: 'interrupt', reason: 'shutdown' }, 1)).toMatchObject({
      status: 'pending',
      crashes: 3,
      recoveries: 9,
    })
  })

  it('is pure: it changes neither spec nor state', () => {
    const of = Object.freeze(spec({ retries: 2 }))
    for (const status of STATUSES) {
      const frozen = Object.freeze(state({ status }))
      expect(() => transition(of, frozen, failure, 1)).not.toThrow()
    }
  })
})
