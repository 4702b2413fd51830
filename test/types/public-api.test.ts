import * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { consoleObserver } from '../../src/console.ts'
import type {
  EventOf,
  LogEvent,
  PlainsightEvent,
  TaskFailed,
  TaskSucceeded,
} from '../../src/events/event.ts'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  memoryObserver,
  mergeOptions,
  setFallbackLogger,
  taskLog,
  transition,
  type EnqueueItem,
} from '../../src/index.ts'
import { pinoObserver, type PinoLike } from '../../src/pino.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import type { TaskHandle } from '../../src/task/enqueue-options.ts'
import type { Jsonify } from '../../src/task/json.ts'
import type { ExecutionOptions } from '../../src/task/options.ts'
import type { Task, TaskContext } from '../../src/task/run-context.ts'
import { isTerminal, type Status, type TerminalStatus } from '../../src/task/status.ts'

/** Checked by the compiler, never called. */
function types(check: (...given: never[]) => unknown): void {
  expect(check).toBeTypeOf('function')
}
interface Nested {
  a: string
  b?: Nested
}
const executor = createExecutor({ observers: [] })
const charge = defineTask({
  name: 'charge',
  input: z.object({ amount: z.string().transform(Number), currency: z.string().default('eur') }),
  run: (input, context) => {
    expectTypeOf(input).toEqualTypeOf<{ amount: number; currency: string }>()
    expectTypeOf(context).toEqualTypeOf<TaskContext>()
    return { at: new Date(), amount: input.amount }
  },
})
const plain = defineTask({ name: 'plain', run: async ({ n }: { n: number }) => n })
const none = defineTask({ name: 'none', run: () => 'x' })
const optional = defineTask({ name: 'optional', run: (n: number | undefined) => n })

describe('types', () => {
  it('a task has the schema’s input and the body’s output', () => {
    expectTypeOf(charge).toEqualTypeOf<
      Task<{ amount: string; currency?: string | undefined }, { at: Date; amount: number }>
    >()
    expectTypeOf(plain).toEqualTypeOf<Task<{ n: number }, number>>()
    const valibot = defineTask({
      name: 'valibot',
      input: v.object({ n: v.pipe(v.string(), v.transform(Number)) }),
      run: ({ n }) => {
        expectTypeOf(n).toEqualTypeOf<number>()
      },
    })
    expectTypeOf(valibot).toEqualTypeOf<Task<{ n: string }, void>>()
  })

  it('a wrong input does not compile', () => {
    types(() => executor.enqueue(charge, { amount: '7' }))
    types(() => executor.enqueue(plain, { n: 1 }, { retries: 3 }))
    // @ts-expect-error -- the schema's input is a string, its output a number
    types(() => executor.enqueue(charge, { amount: 7 }))
    // @ts-expect-error -- a property is missing
    types(() => executor.enqueue(charge, {}))
    // @ts-expect-error -- the input is missing
    types(() => executor.enqueue(plain))
    // @ts-expect-error -- wrong type
    types(() => executor.enqueue(plain, { n: 'x' }))
    // @ts-expect-error -- it takes no input
    types(() => executor.enqueue(none, 7))
    types(() => executor.enqueue(none))
    types(() => executor.enqueue(none, undefined, { tags: { a: '1' } }))
    types(() => executor.enqueue(optional))
    types(() => executor.enqueue(optional, 7))
    types(() => executor.enqueue('by-name', { anything: true }))
  })

  it('a wrong input of one item of enqueueMany does not compile', () => {
    const literal = defineTask({ name: 'literal', run: (_kind: 'a' | 'b') => {} })
    types(async () => {
      const handles = await executor.enqueueMany([
        { task: plain, input: { n: 1 }, options: { priority: 1 } },
        { task: charge, input: { amount: '7' } },
        { task: none },
        { task: literal, input: 'a' },
        { task: 'by-name', input: { anything: true } },
      ])
      expectTypeOf(handles).toEqualTypeOf<
        [
          TaskHandle<number>,
          TaskHandle<{ at: Date; amount: number }>,
          TaskHandle<string>,
          TaskHandle<void>,
          TaskHandle,
        ]
      >()
      const many = await executor.enqueueMany([1, 2].map((n) => ({ task: plain, input: { n } })))
      expectTypeOf(many).toEqualTypeOf<TaskHandle<number>[]>()
    })
    types((items: readonly EnqueueItem[]) => executor.enqueueMany(items))
    types((tasks: Task[]) => executor.enqueueMany(tasks.map((task) => ({ task, input: 7 }))))
    types((names: string[]) => executor.enqueueMany(names.map((task) => ({ task }))))
    types(() => executor.enqueueMany([none, optional].map((task) => ({ task }))))
    types(() => executor.enqueueMany([]))
    // @ts-expect-error -- wrong type
    types(() => executor.enqueueMany([{ task: plain, input: { n: 'x' } }]))
    // @ts-expect-error -- the second has a wrong type
    types(() => executor.enqueueMany([{ task: none }, { task: charge, input: { amount: 7 } }]))
    // @ts-expect-error -- the input is missing
    types(() => executor.enqueueMany([{ task: plain }]))
    // @ts-expect-error -- it takes no input
    types(() => executor.enqueueMany([{ task: none, input: 7 }]))
    // @ts-expect-error -- no such option
    types(() => executor.enqueueMany([{ task: none, options: { retires: 3 } }]))
    // @ts-expect-error -- wrong type
    types(() => executor.enqueueMany(['x'].map((n) => ({ task: plain, input: { n } }))))
  })

  it('undefined may be given for what may be left out', () => {
    types((text: string | undefined, count: number | undefined, no: undefined) => {
      const own = { idempotencyKey: text, delay: count, parent: no, onFull: no, signal: no }
      void executor.enqueue(none, undefined, { ...own, retries: count, backoff: { max: count } })
      void executor.cancel('id', { reason: text, by: text })
      void executor.retry('id', { force: no })
      void executor.retryFailed({ name: text, limit: count })
      void executor.list({ name: text, status: no, limit: count, cursor: text })
      void executor.drain({ timeout: count })
      void executor.close({ grace: count })
      consoleObserver({ stream: no, format: no, name: text })
      memoryObserver({ max: count, minLevel: no })
      pinoObserver({} as PinoLike, { name: text, types: no })
      memoryBackend({ maxQueued: count })
      sqliteBackend('path', { durability: no, quickCheck: no })
      defineTask({ name: 'u', run: () => {}, concurrency: count, timeout: count, tags: no })
      return createExecutor({
        observers: [{ name: text, minLevel: no, types: no, lifecycle: no, onEvent() {} }],
        backend: no,
        concurrency: count,
        logs: { store: no, maxLines: count },
        retention: { maxAge: count },
        handleSignals: { grace: count },
        newId: no,
      })
    })
  })

  it('a child’s wrong input does not compile either', () => {
    types(() =>
      defineTask({
        name: 'outer',
        run: async (_none: undefined, { enqueue }) => {
          expectTypeOf(await enqueue(plain, { n: 1 })).toEqualTypeOf<TaskHandle<number>>()
          // @ts-expect-error -- wrong type
          await enqueue(plain, { n: 'x' })
        },
      }),
    )
  })

  it('a wrong option does not compile', () => {
    // @ts-expect-error -- no such option
    types(() => executor.enqueue(none, undefined, { retires: 3 }))
    // @ts-expect-error -- no such unit
    types(() => executor.enqueue(none, undefined, { delay: '1w' }))
    // @ts-expect-error -- tags are strings
    types(() => executor.enqueue(none, undefined, { tags: { n: 1 } }))
    // @ts-expect-error -- no such option
    types(() => defineTask({ name: 't', run: () => 1, retrys: 1 }))
    // @ts-expect-error -- no such level
    types(() => createExecutor({ logs: { store: 'loud' } }))
    // @ts-expect-error -- no such event type
    types(() => createExecutor({ observers: [{ types: ['task.done'], onEvent() {} }] }))
    // @ts-expect-error -- no such level
    types(() => createExecutor({ observers: [{ minLevel: 'loud', onEvent() {} }] }))
    // @ts-expect-error -- no such level
    types(() => setFallbackLogger({ info() {}, minLevel: 'loud' }))
    types(() => taskLog.log('any text, for a level in a variable', 'message'))
    types(() =>
      createExecutor({ observers: [{ minLevel: 'warn', onEvent() {} }], logs: { store: 'none' } }),
    )
  })

  it('result() is what JSON makes of the output: a Date is a string', () => {
    types(async () => {
      const handle = await executor.enqueue(charge, { amount: '7' })
      expectTypeOf(handle).toEqualTypeOf<TaskHandle<{ at: Date; amount: number }>>()
      expectTypeOf(await handle.result()).toEqualTypeOf<{ at: string; amount: number }>()
      expectTypeOf((await handle.record())?.result).toEqualTypeOf<
        { at: string; amount: number } | undefined
      >()
      expectTypeOf(await (await executor.enqueue(plain, { n: 1 })).result()).toEqualTypeOf<number>()
    })
    expectTypeOf<Jsonify<Date>>().toEqualTypeOf<string>()
    expectTypeOf<Jsonify<{ a: Date[]; b?: Date; c: () => void; d: undefined }>>().toEqualTypeOf<{
      a: string[]
      b?: string
    }>()
    expectTypeOf<Jsonify<Nested>>().toExtend<Nested>()
    expectTypeOf<Jsonify<{ a: string | undefined }>>().toEqualTypeOf<{ a: string | undefined }>()
    expectTypeOf<Jsonify<readonly [Date, undefined, 7]>>().toEqualTypeOf<
      readonly [string, null, 7]
    >()
    expectTypeOf<Jsonify<'a' | 'b' | null>>().toEqualTypeOf<'a' | 'b' | null>()
    expectTypeOf<Jsonify<void>>().toEqualTypeOf<undefined>()
    expectTypeOf<Jsonify<bigint>>().toEqualTypeOf<never>()
    expectTypeOf<Jsonify<unknown>>().toBeAny()
  })

  it('events.on is typed by name', () => {
    types(() =>
      executor.events.on('task.failed', (event) => {
        expectTypeOf(event).toEqualTypeOf<TaskFailed>()
        expectTypeOf(event.reason).toEqualTypeOf<TaskFailed['reason']>()
      }),
    )
    types(() =>
      executor.events.once('task.log', (event) => expectTypeOf(event).toEqualTypeOf<LogEvent>()),
    )
    // @ts-expect-error -- no such event
    types(() => executor.events.on('task.done', () => {}))
    types(() =>
      executor.events.on('executor.closed', (event) => {
        // @ts-expect-error -- an event about the executor has no task
        return event.taskId
      }),
    )
    types(() =>
      memoryObserver()
        .waitFor('task.succeeded')
        .then((event) => expectTypeOf(event).toEqualTypeOf<TaskSucceeded>()),
    )
  })

  it('events are told apart by their type, exhaustively', () => {
    const say = (event: PlainsightEvent): string => {
      if (event.type === 'task.succeeded') return `${event.resultBytes}`
      if (event.type === 'queue.paused') return event.queue
      if ('taskId' in event) return event.taskName
      return event.executorId
    }
    expect(say).toBeTypeOf('function')
    expectTypeOf<EventOf<'task.failed'>>().toEqualTypeOf<TaskFailed>()
    expectTypeOf<Extract<PlainsightEvent, { type: 'task.log' }>>().toEqualTypeOf<LogEvent>()
  })

  it('a direct call is typed as the body', () => {
    types(() => expectTypeOf(plain.run({ n: 1 })).toEqualTypeOf<number | Promise<number>>())
    types(() => expectTypeOf(none.run()).toEqualTypeOf<string | Promise<string>>())
    types(() => optional.run())
    // @ts-expect-error -- the input is missing
    types(() => plain.run())
  })

  it('context methods may be taken out of the context', () => {
    types(() =>
      defineTask({
        name: 't',
        run: (_none: undefined, { progress, enqueue, log, signal }) =>
          [progress, enqueue, log, signal].length,
      }),
    )
  })

  it('mergeOptions keeps its type, and isTerminal narrows', () => {
    expectTypeOf(
      mergeOptions<ExecutionOptions>({ retries: 1 }, { timeout: null }),
    ).toEqualTypeOf<ExecutionOptions>()
    types((status: Status = 'failed') => {
      if (isTerminal(status)) expectTypeOf(status).toEqualTypeOf<TerminalStatus>()
    })
    expectTypeOf(transition).parameter(2).toHaveProperty('type')
  })
})
