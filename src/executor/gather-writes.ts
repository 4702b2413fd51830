/** Gathers what the tasks of a turn have to tell the store, and hands it over. */

import type { Backend, InsertEachResult, StatePatch, WriteResult } from '../backends/backend.ts'
import type { BaseContext } from '../context/scope.ts'
import type { Core } from './core.ts'
import { callStore, repeatUntilAnswered, writeState } from './persist.ts'
import type { MakeRecord, TurnWrites } from './turn-writes.ts'

type Answered = (result: WriteResult) => void
type Failed = (error: Error) => void

/** So many in one call: what a store does in one go is not to keep others waiting. */
const MAX_PER_CALL = 500

/** Items of one kind, each with who waits for its answer. */
class Gathered<Item, Result> {
  items: Item[] = []
  answered: ((result: Result) => void)[] = []
  failed: ((error: Error) => void)[] = []

  add(item: Item, answered: (result: Result) => void, failed: (error: Error) => void): void {
    this.items.push(item)
    this.answered.push(answered)
    this.failed.push(failed)
  }

  get isEmpty(): boolean {
    return this.items.length === 0
  }

  /** Empties it into `receive`, as much at a time as one call takes. */
  drainInto(receive: (some: Gathered<Item, Result>) => void): void {
    const { items, answered, failed } = this
    ;[this.items, this.answered, this.failed] = [[], [], []]
    while (items.length > 0) {
      const some = new Gathered<Item, Result>()
      some.items = items.splice(0, MAX_PER_CALL)
      some.answered = answered.splice(0, MAX_PER_CALL)
      some.failed = failed.splice(0, MAX_PER_CALL)
      receive(some)
    }
  }
}

export function createTurnWrites(
  backend: Backend,
  base: BaseContext,
  coreOf: () => Core,
): TurnWrites {
  const answersAtOnce = backend.capabilities.durable === 'none'
  const inserts = new Gathered<MakeRecord, InsertEachResult>()
  const starts = new Gathered<StatePatch, WriteResult>()
  const ends = new Gathered<StatePatch, WriteResult>()
  let flushIsDue = false

  function schedule(): void {
    writes.isPending = true
    if (flushIsDue) return
    flushIsDue = true
    // After all that is ready to run has run, and still within the turn.
    process.nextTick(flushInBase)
  }

  const flushInBase = (): void => {
    flushIsDue = false
    base.run(handOver)
  }

  function handOver(): void {
    writes.isPending = false
    inserts.drainInto(insertAll)
    starts.drainInto(updateAll)
    ends.drainInto(updateAll)
  }

  function updateAll({ items, answered, failed }: Gathered<StatePatch, WriteResult>): void {
    const [only, ...others] = items
    if (only !== undefined && others.length === 0) {
      write(only, answered[0] as Answered, failed[0] as Failed)
      return
    }
    const core = coreOf()
    callLater(core, 'update', () => backend.update(items)).then(
      (results) => tellAll(answered, results),
      (error: unknown) => {
        // One of them may be what the store cannot take: each for itself from here on.
        for (const [index, patch] of items.entries()) {
          const call = (): ReturnType<Backend['update']> => backend.update([patch])
          repeatUntilAnswered(core, 'persist', 'update', call, error).then(
            ([result]) => answered[index]?.(result as WriteResult),
            (last: Error) => failed[index]?.(last),
          )
        }
      },
    )
  }

  function write(patch: StatePatch, answered: Answered, gaveUp: Failed): void {
    const answer = writeState(coreOf(), patch)
    if (answer instanceof Promise) answer.then(answered, gaveUp)
    else answered(answer)
  }

  function insertAll({ items, answered, failed }: Gathered<MakeRecord, InsertEachResult>): void {
    const core = coreOf()
    const now = core.clock.now()
    const nowMs = core.clock.monotonic()
    writes.unmade -= items.length
    const records = items.map((makeRecord) => makeRecord(now, nowMs))
    callLater(core, 'insert', () => backend.insertEach?.(records) ?? []).then(
      (results) => tellAll(answered, results),
      (error: Error) => {
        for (const rejected of failed) rejected(error)
      },
    )
  }

  const writes: TurnWrites = {
    isPending: false,
    takesInserts: backend.insertEach !== undefined,
    unmade: 0,
    insert(makeRecord, answered, rejected) {
      writes.unmade += 1
      inserts.add(makeRecord, answered, rejected)
      schedule()
    },
    atOnce: (patch) => (answersAtOnce ? writeState(coreOf(), patch) : undefined),
    update(patch, isStart, answered, gaveUp) {
      if (answersAtOnce) {
        write(patch, answered, gaveUp)
        return
      }
      ;(isStart ? starts : ends).add(patch, answered, gaveUp)
      schedule()
    },
    before(operation) {
      if (operation !== 'append') {
        handOver()
      } else if (!starts.isEmpty) {
        // The start gives a line its fence; the ends of others can wait.
        writes.isPending = false
        starts.drainInto(updateAll)
        writes.isPending = !inserts.isEmpty || !ends.isEmpty
      }
    },
  }
  return writes
}

/** As `callStore`; the answer is always a promise. */
async function callLater<T>(core: Core, operation: string, call: () => T | Promise<T>): Promise<T> {
  return callStore(core, 'persist', operation, call)
}

function tellAll<Result>(
  answered: readonly ((result: Result) => void)[],
  results: readonly Result[],
): void {
  for (const [index, tell] of answered.entries()) {
    try {
      tell(results[index] as Result)
    } catch (error) {
      // A mistake of ours: it comes up as unhandled, and the others hear their answers all the same.
      void Promise.reject(error)
    }
  }
}
