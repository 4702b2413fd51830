/** Where am I: the one AsyncLocalStorage, and what it holds. */

import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { Level } from '../task/level.ts'
import type { ContextFields } from '../task/record.ts'
import type { TaskContext } from '../task/run-context.ts'

/** What is known at a point of the program: bound fields, and the attempt when one is running. */
export interface Scope {
  fields: ContextFields
  readonly attempt: ActiveAttempt | undefined
}

/** A running attempt, as far as code below it can reach it. */
export interface ActiveAttempt {
  readonly context: TaskContext
  /** Writes a log line in `scope`, the innermost one here; never throws. */
  log(
    scope: Scope | undefined,
    level: Level,
    message: unknown,
    extra: unknown,
    unknownLevel?: unknown,
  ): void
}

const storage = new AsyncLocalStorage<Scope>()

/** The innermost scope here; `undefined` outside all. */
export function currentScope(): Scope | undefined {
  return storage.getStore()
}

/** Runs `body` with `scope`, and everything that it starts. */
export function runInScope<T>(scope: Scope, body: () => T): T {
  return storage.run(scope, body)
}

/** Runs functions in one fixed async context, so that nothing inherits the context of who happened to call. */
export interface BaseContext {
  run<T>(body: () => T): T
  /** Runs `body(argument)` in the base context with `scope` set: one attempt. */
  runScoped<A, T>(scope: Scope, body: (argument: A) => T, argument: A): T
}

/** Takes the async context of here and now as the base. */
export function captureBaseContext(): BaseContext {
  // The caller may itself be inside a scope (an executor made in a request): the base has none. Nothing is left that is not
  // there: each scope below begins as a copy of all that the base has.
  return storage.getStore() === undefined ? captureHere() : storage.exit(captureHere)
}

function captureHere(): BaseContext {
  const resource = new AsyncResource('PlainsightExecutor', { requireManualDestroy: true })
  const run = <T>(body: () => T): T => resource.runInAsyncScope(body)
  if (!nestsSafely()) {
    return {
      run,
      runScoped: (scope, body, argument) =>
        resource.runInAsyncScope(() => storage.run(scope, body, argument)),
    }
  }
  // Half the cost of storage.run where async context is a frame (Node 24): the resource's scope is left anyway.
  const entered = <A, T>(scope: Scope, body: (argument: A) => T, argument: A): T => {
    storage.enterWith(scope)
    return body(argument)
  }
  return {
    run,
    runScoped: (scope, body, argument) =>
      resource.runInAsyncScope(
        entered<typeof argument, ReturnType<typeof body>>,
        undefined,
        scope,
        body,
        argument,
      ),
  }
}

let nests: boolean | undefined

// On Node 22 (async_hooks), enterWith writes to the resource itself, so a nested run on one resource would change the
// outer one's scope. Tried, not guessed from the version: flags change it.
function nestsSafely(): boolean {
  if (nests !== undefined) return nests
  const probe = new AsyncLocalStorage<number>()
  const resource = new AsyncResource('PlainsightProbe', { requireManualDestroy: true })
  nests = resource.runInAsyncScope(() => {
    probe.enterWith(1)
    resource.runInAsyncScope(() => probe.enterWith(2))
    return probe.getStore() === 1
  })
  probe.disable()
  return nests
}
