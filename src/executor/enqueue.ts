/** Takes work in: validate, make the record, store it, say so, hand it to the engine. */

import type { EnqueueOperation } from '../observers/observer.ts'
import type { EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import { ExecutorClosedError, InvalidOptionsError } from '../task/errors.ts'
import { asOurs, reading } from '../task/reading.ts'
import { validateInput } from '../task/validate.ts'
import { runAround } from './around.ts'
import type { Attempts } from './attempt.ts'
import type { Core } from './core.ts'
import { createInsertion, first, withCarrier } from './insertion.ts'
import { draftOf, newRecord, type DraftRecord, type Origin } from './new-record.ts'
import type { Registered } from './registry.ts'
import { createRoom } from './room.ts'

/** One thing to enqueue. */
export interface EnqueueRequest {
  readonly task: unknown
  readonly input: unknown
  readonly options: EnqueueOptions | undefined
}

/** @throws {InvalidOptionsError} INVALID_OPTIONS for anything but an array of objects */
export function readRequests(items: unknown): readonly EnqueueRequest[] {
  const where = 'enqueueMany: '
  return reading('items', where, () => {
    const expected = 'an array of { task, input, options }'
    if (!Array.isArray(items)) throw new InvalidOptionsError('items', expected, items, where)
    return Array.from(items, (item: unknown): EnqueueRequest => {
      if (typeof item !== 'object' || item === null)
        throw new InvalidOptionsError('items', expected, item, where)
      const { task, input, options } = item as EnqueueRequest
      return { task, input, options }
    })
  })
}

export interface Enqueuer {
  one(request: EnqueueRequest, origin?: Origin): Promise<TaskHandle>
  /** All or none, in one transaction. */
  many(requests: readonly EnqueueRequest[]): Promise<TaskHandle[]>
}

export function createEnqueuer(core: Core, attempts: Attempts): Enqueuer {
  const room = createRoom(core)
  const insertion = createInsertion(core, attempts)

  function one(request: EnqueueRequest, origin?: Origin): Promise<TaskHandle> {
    core.wakeObservers?.()
    try {
      const { task, input, options } = request
      const registered = core.registry.find(task)
      const checked = checkInput(registered, input, options)
      if (checked !== undefined) {
        return checked
          .then(() => takeIn([readRecord(registered, input, options, origin)], request))
          .then(first)
      }
      const draft = newRecord(core, registered, input, options, origin)
      return Promise.resolve(takeInNow(draft, options) ?? takeIn([draft], request).then(first))
    } catch (error) {
      return Promise.reject(asOurs(error, 'options', 'enqueue: '))
    }
  }

  function readRecord(
    registered: Registered,
    input: unknown,
    options: EnqueueOptions | undefined,
    origin?: Origin,
  ): DraftRecord {
    return reading('options', 'enqueue: ', () =>
      newRecord(core, registered, input, options, origin),
    )
  }

  async function many(requests: readonly EnqueueRequest[]): Promise<TaskHandle[]> {
    core.wakeObservers?.()
    const drafts: DraftRecord[] = []
    for (const { task, input, options } of requests) {
      const registered = core.registry.find(task)
      // Awaited only when the schema is asynchronous: calls keep their order.
      const checked = reading('options', 'enqueueMany: ', () =>
        checkInput(registered, input, options),
      )
      if (checked !== undefined) await checked
      drafts.push(readRecord(registered, input, options))
    }
    const request = requests[0]
    return request === undefined ? [] : takeIn(drafts, request)
  }

  /** The path of most calls, with no promise of its own: no hooks, no key, room in the queue. */
  function takeInNow(
    draft: DraftRecord,
    options: EnqueueOptions | undefined,
  ): TaskHandle | Promise<TaskHandle> | undefined {
    if (core.around.wrapEnqueue.length > 0 || core.engine.awaitsRuns === true || room.isFull(1))
      return undefined
    if (draft.key !== undefined || options?.onFull === 'wait') return undefined
    return insertion.insertNow(draft)
  }

  function takeIn(drafts: readonly DraftRecord[], request: EnqueueRequest): Promise<TaskHandle[]> {
    const more = drafts.length
    if (room.tryEnter(more)) return takeInWithRoom(drafts)
    return room
      .enter(more, drafts[0]?.spec.queue ?? 'default', request.options)
      .then(() => takeInWithRoom(drafts))
  }

  function takeInWithRoom(drafts: readonly DraftRecord[]): Promise<TaskHandle[]> {
    const hooks = core.around.wrapEnqueue
    if (hooks.length === 0) {
      room.taken(drafts.length)
      return insertion.insert(drafts, undefined)
    }
    const carrier: Record<string, string> = {}
    const operation: EnqueueOperation = {
      kind: drafts.length > 1 ? 'batch' : 'enqueue',
      tasks: drafts.map(({ spec, state, options }) => draftOf(spec, state, options)),
      carrier,
      carriers: drafts.map(() => ({})),
    }
    return runAround(core.aroundHost, hooks, 'wrapEnqueue', operation, () => {
      room.taken(drafts.length)
      const ready = withOwnCarriers(drafts, operation.carriers)
      const [only] = ready
      const isPlain = ready.length === 1 && only?.key === undefined
      // As without hooks, and by the same right: most calls need no more.
      if (only !== undefined && isPlain && core.engine.awaitsRuns !== true)
        return insertOne(only, carrier)
      return insertion.insert(ready, carrier)
    })
  }

  function insertOne(draft: DraftRecord, carrier: Record<string, string>): Promise<TaskHandle[]> {
    // Closing may have begun while a hook took its time.
    if (core.phase === 'closed') return Promise.reject(new ExecutorClosedError('enqueue'))
    try {
      const handle = insertion.insertNow(draft, carrier)
      return handle instanceof Promise ? handle.then(alone) : Promise.resolve([handle])
    } catch (error) {
      return Promise.reject(error)
    }
  }

  return { one, many }
}

function alone(handle: TaskHandle): TaskHandle[] {
  return [handle]
}

function withOwnCarriers(
  drafts: readonly DraftRecord[],
  carriers: EnqueueOperation['carriers'],
): readonly DraftRecord[] {
  return drafts.map((draft, index) => {
    const spec = withCarrier(draft.spec, carriers[index])
    return spec === draft.spec ? draft : { ...draft, spec }
  })
}

/** A promise only when the schema is asynchronous; otherwise throws at once. */
function checkInput(
  registered: Registered,
  input: unknown,
  call: EnqueueOptions | undefined,
): Promise<void> | undefined {
  const schema = registered.task?.schema
  if (schema === undefined) return undefined
  const asked = call?.validate
  if (asked === false || (asked === undefined && !registered.options.validate)) return undefined
  const validated = validateInput(schema, registered.name, input)
  if (validated instanceof Promise) {
    return validated.then((settled) => {
      if (!settled.ok) throw settled.error
    })
  }
  if (!validated.ok) throw validated.error
  return undefined
}
