/** What a conformance case of a backend is, and the records that cases are told with. */

import { inspect, isDeepStrictEqual } from 'node:util'
import type { Backend, NewRecord, Owner, StatePatch } from '../../backends/backend.ts'
import { BackendUnavailableError, type BackendErrorReason } from '../../task/errors.ts'
import type { StoredRecord, TaskSpec, TaskState } from '../../task/record.ts'
import { EMPTY_MAP } from '../../task/tags.ts'

/** One store for one case. */
export interface BackendSetup {
  /** Over an empty store that nobody else uses, and not opened yet. */
  readonly backend: Backend
  /** Another backend object over the same store. Left out when the store is gone with its object. */
  readonly reopen?: (() => Backend) | undefined
  /** Makes the store give this executor's lease away, as after a long freeze. Left out where no lease can be lost. */
  readonly loseLease?: ((executorId: string) => Promise<void>) | undefined
}

/** One promise of `backend.ts`. */
export interface BackendCase {
  /** The promise, as a sentence. */
  readonly name: string
  /** True when it is about what outlives the backend object: without `reopen` there is nothing to see. */
  readonly durable?: boolean
  /** @throws {Error} saying what was expected and what came */
  run(setup: BackendSetup): Promise<void>
}

export const NOW = 1_700_000_000_000
export const A: Owner = { executorId: 'executor-a', now: NOW }
export const B: Owner = { executorId: 'executor-b', now: NOW }

let lastId = 0

export function specOf(given: Partial<TaskSpec> = {}): TaskSpec {
  const id = given.id ?? `task-${++lastId}`
  return {
    id,
    name: 'send-mail',
    label: undefined,
    queue: 'default',
    priority: 0,
    source: 'api',
    tags: EMPTY_MAP,
    headers: EMPTY_MAP,
    inputJson: '{"to":"ada"}',
    createdAt: NOW,
    expiresAt: undefined,
    retries: 0,
    requeueOnInterrupt: false,
    shield: false,
    parentId: undefined,
    rootId: id,
    retryOf: undefined,
    idempotencyKey: undefined,
    traceContext: undefined,
    context: undefined,
    options: undefined,
    localOptions: undefined,
    ...given,
  }
}

export function stateOf(given: Partial<TaskState> = {}): TaskState {
  return {
    status: 'pending',
    owner: null,
    fence: 0,
    starts: 0,
    recoveries: 0,
    crashes: 0,
    dueAt: NOW,
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
    ...given,
  }
}

/** A record to insert; owned by `owner` and running when one is given. */
export function newRecord(owner: Owner | null = null, spec: Partial<TaskSpec> = {}): NewRecord {
  const running = { status: 'running', fence: 1, starts: 1, startedAt: NOW, waitMs: 0 } as const
  const state = owner === null ? stateOf() : stateOf({ ...running, owner: owner.executorId })
  return { spec: specOf(spec), state }
}

/** The same, with an idempotency key. */
export function keyedRecord(
  owner: Owner | null,
  key: string,
  given: { inputHash?: string; heldUntil?: number; takeOverFrom?: string } = {},
): NewRecord {
  const record = newRecord(owner, { idempotencyKey: key })
  return { ...record, key: { key, inputHash: 'hash-1', heldUntil: NOW, ...given } }
}

/** Inserts one record, and answers it as stored. */
export async function insertOne(backend: Backend, record: NewRecord): Promise<StoredRecord> {
  const [result] = await backend.insert([record])
  if (result?.type !== 'inserted') throw new Error(`expected inserted, got ${inspect(result)}`)
  return { spec: record.spec, state: record.state, position: result.position }
}

/** The patch by which the owner of `stored` replaces its state. */
export function patchOf(stored: StoredRecord, state: Partial<TaskState>): StatePatch {
  const { spec, state: before, position } = stored
  const status = state.status ?? before.status
  return {
    id: spec.id,
    position,
    name: spec.name,
    owner: before.owner ?? '',
    fence: before.fence,
    state: { ...before, ...state },
    freesKey: ['failed', 'cancelled', 'interrupted', 'expired'].includes(status),
  }
}

/** The patch by which a record ends. */
export function endOf(
  stored: StoredRecord,
  status: TaskState['status'] = 'succeeded',
  endedAt: number = NOW + 1,
): StatePatch {
  return patchOf(stored, { status, owner: null, endedAt })
}

/** Throws unless both are the same data; a property that is `undefined` counts as left out. */
export function equal(got: unknown, expected: unknown, what: string): void {
  const left = defined(got)
  const right = defined(expected)
  if (isDeepStrictEqual(left, right)) return
  const show = (value: unknown): string => inspect(value, { depth: 8, maxStringLength: 200 })
  throw new Error(`${what}: expected ${show(right)}, got ${show(left)}`)
}

/** Throws unless `call` is refused with this reason. */
export async function refused(
  call: () => unknown,
  reason: BackendErrorReason,
  what: string,
): Promise<void> {
  try {
    await call()
  } catch (error) {
    if (error instanceof BackendUnavailableError && error.reason === reason) return
    throw new Error(`${what}: expected BackendUnavailableError ${reason}, got ${inspect(error)}`)
  }
  throw new Error(`${what}: expected BackendUnavailableError ${reason}, and it was accepted`)
}

function defined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(defined)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([key, item]) => [key, defined(item)]))
}
