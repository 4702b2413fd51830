/** Arguments as they should be, to be mixed with hostile ones. */

import type fc from 'fast-check'
import { valid, type Make } from '../../support/hostile-values.ts'

// The compiler refuses all of this: hostile callers have none.
export type Any = any // eslint-disable-line typescript/no-explicit-any

/** Each option with good values of it. */
export type Arguments = Readonly<Record<string, readonly Make[]>>

export const noop: () => void = (): void => {}
export const of: (...values: readonly unknown[]) => Make[] = (...values) =>
  values.map((value) => () => value)

export const EXECUTION: Arguments = {
  retries: of(0, 2, null),
  backoff: of({ delay: 1 }, () => 1, null),
  retryIf: of(() => true),
  retryOn: of([Error]),
  abortOn: of([TypeError]),
  timeout: of('1s', 50),
  softTimeout: of('1s', 10),
  abandonAfter: of(0, '1s'),
  priority: of(1, -1_000_000),
  queue: of('mail', 'default'),
  tags: of({ a: 'b' }, {}),
  headers: of({ a: 'b' }),
  label: of('a label', () => 'a label'),
  expires: of('1h'),
  shield: of(false),
  requeueOnInterrupt: of(true, false),
  keepResult: of(true, false),
  maxResultBytes: of(10, 0),
  resultTtl: of('1h'),
  storeErrors: of(true, false),
  validate: of(true, false),
  throws: of([Error], []),
  errors: of([Error]),
  onStart: of(noop, [noop]),
  onRetry: of(noop),
  onSuccess: of(noop),
  onError: of(noop),
  onFinal: of(noop),
}

export const CALL: Arguments = {
  ...EXECUTION,
  idempotencyKey: of('key', 'other key'),
  idempotencyTtl: of('1h'),
  delay: of(0, 1, '1h'),
  runAt: [() => new Date(), () => Date.now() + 3_600_000],
  parent: of(null),
  onFull: of('reject', 'wait'),
  signal: [() => new AbortController().signal],
  traceContext: of({ traceparent: '00-1-2-01' }),
}

export const OBSERVER: Arguments = {
  name: of('o', 'other'),
  minLevel: of('debug', 'warn', { default: 'info', 'a.*': 'debug', 'tag:a=b': 'error' }),
  types: of(['task.failed'], []),
  lifecycle: of(true, false),
}

export const LOGGER: Arguments = {
  debug: of(noop),
  info: of(noop),
  warn: of(noop),
  error: of(noop),
}

export const METHODS: readonly string[] = [
  'onEvent',
  'onLog',
  'onLifecycle',
  'start',
  'flush',
  'close',
  'counts',
  'wrapEnqueue',
  'wrapRun',
  'runInternal',
]

export const schema: (answer: unknown) => unknown = (answer) => ({
  '~standard': { version: 1, vendor: 'hostile', validate: () => answer },
})

/** What a callback does instead of what it should: a function of a value that makes the callback. */
export const misbehaviour: fc.Arbitrary<Make> = valid(
  () => (value: unknown) => () => value,
  () => (value: unknown) => () => {
    throw value
  },
  () => (value: unknown) => async () => {
    throw value
  },
  () => (value: unknown) => (_argument: unknown, next: unknown) => {
    if (typeof next === 'function') next()
    throw value
  },
)
