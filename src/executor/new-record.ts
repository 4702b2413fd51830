/** Makes the record of one enqueue: checked options, serialised input, spec and first state. */

import type { RecordKey } from '../backends/backend.ts'
import { boundFields } from '../context/bound-context.ts'
import { currentScope } from '../context/scope.ts'
import type { TaskDraft } from '../observers/observer.ts'
import { durationMs } from '../task/duration.ts'
import type { EnqueueOptions } from '../task/enqueue-options.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { flatCopy, stringifyStrict } from '../task/json.ts'
import { mergeOptions, type ExecutionOptions, type RunOptions } from '../task/options.ts'
import type {
  ContextFields,
  TaskSource,
  TaskSpec,
  TaskState,
  TraceContext,
} from '../task/record.ts'
import { EXECUTION_OPTION_NAMES, resolveOptions, storedOptions } from '../task/resolve-options.ts'
import { ignoreRejection } from '../task/reading.ts'
import { CARRIER_LIMITS, stringMap } from '../task/tags.ts'
import type { Writable } from '../task/writable.ts'
import type { Core } from './core.ts'
import { EMPTY_SPEC, firstState, FULL_SPEC, sharedTime } from './blank-record.ts'
import { resolveEnqueueRetry, type EnqueueRetryPolicy } from './enqueue-retry.ts'
import { inputHash } from './input-hash.ts'
import { ID_PATTERN } from './options.ts'
import type { Registered } from './registry.ts'
import { uuidV7 } from './uuid.ts'

/** A record that is about to be inserted. */
export interface DraftRecord {
  readonly registered: Registered
  readonly options: RunOptions
  readonly spec: TaskSpec
  readonly state: TaskState
  readonly key: RecordKey | undefined
  readonly mayRetryAgain: boolean | undefined
  readonly isScheduled: boolean
  /** The library has made the id: no other record has it. */
  readonly isFresh: boolean
  /** What parsing the input would give, where that is known already. */
  readonly parsedInput: unknown
  /** Where the call differs from the executor. */
  readonly enqueueRetry?: EnqueueRetryPolicy | undefined
}

/** Facts that only some enqueues have. */
export interface Origin {
  readonly source: TaskSource
  readonly retryOf?: string | undefined
  readonly takeOverFrom?: string | undefined
  /** Whether a record that was retried by hand may be retried again. */
  readonly mayRetryAgain?: boolean | undefined
  /** The record that is retried: its request context and its family are kept. */
  readonly of?: TaskSpec | undefined
}

const API: Origin = { source: 'api' }
const MAX_KEY_LENGTH = 512
/** The last instant that a Date can hold. */
const MAX_TIME = 8.64e15

/**
 * @throws {InvalidOptionsError} INVALID_OPTIONS for a wrong option of the call
 * @throws {NotSerializableError} NOT_SERIALIZABLE for an input that JSON would change
 */
export function newRecord(
  core: Core,
  registered: Registered,
  input: unknown,
  call: EnqueueOptions | undefined,
  origin: Origin = API,
): DraftRecord {
  const { name } = registered
  const now = core.wall.now()
  const flat = flatCopy(input)
  // Of the copy, so that both say the same whatever reading the input does.
  const inputJson =
    flat === undefined ? stringifyStrict(input, `task "${name}": the input`) : JSON.stringify(flat)
  const context = origin.of === undefined ? boundFields() : origin.of.context
  // The usual call: no options at all, outside any task.
  if (call === undefined || call === null) {
    const id = core.newId(now)
    const { options } = registered
    const parent = parentOf(undefined)
    return assemble(
      core,
      registered,
      options,
      id,
      inputJson,
      flat,
      now,
      now,
      context,
      parent,
      undefined,
      origin,
    )
  }
  const options = resolveCall(registered, call)
  checkWaiting(call, name)
  const id = call.id === undefined ? core.newId(now) : checkId(call.id, name)
  const dueAt = dueTime(call, now, name)
  const parent = origin.of === undefined ? parentOf(call.parent) : familyOf(origin.of)
  return assemble(
    core,
    registered,
    options,
    id,
    inputJson,
    flat,
    now,
    dueAt,
    context,
    parent,
    call,
    origin,
  )
}

function assemble(
  core: Core,
  registered: Registered,
  options: RunOptions,
  id: string,
  inputJson: string | undefined,
  parsedInput: unknown,
  now: number,
  dueAt: number,
  context: ContextFields | undefined,
  parent: ParentIds | undefined,
  call: EnqueueOptions | undefined,
  origin: Origin,
): DraftRecord {
  const { name } = registered
  const kept = call === undefined ? undefined : storedOptions(call)
  const expiresMs = options.expiresMs
  const expiresAt = options.expiresAt ?? (expiresMs === undefined ? undefined : now + expiresMs)
  const label = labelOf(options, inputJson)
  const { source, retryOf } = origin
  const hasMore =
    (label ?? expiresAt ?? parent ?? context ?? retryOf) !== undefined ||
    (kept?.stored ?? kept?.local ?? call?.idempotencyKey ?? call?.traceContext) !== undefined
  const spec: Writable<TaskSpec> = {
    ...(hasMore ? FULL_SPEC : EMPTY_SPEC),
    id,
    name,
    queue: options.queue,
    priority: options.priority,
    source,
    tags: options.tags,
    headers: options.headers,
    inputJson,
    createdAt: sharedTime(now),
    retries: options.retries,
    requeueOnInterrupt: options.requeueOnInterrupt,
    shield: options.shield,
    rootId: parent?.rootId ?? id,
  }
  if (hasMore) {
    spec.label = label
    spec.expiresAt = expiresAt
    spec.parentId = parent?.parentId
    spec.retryOf = retryOf
    spec.idempotencyKey = call?.idempotencyKey
    if (call?.traceContext !== undefined) spec.traceContext = carrierOf(call.traceContext, name)
    spec.context = context
    spec.options = kept?.stored
    spec.localOptions = kept?.local
  }
  const isScheduled = dueAt > now
  const state = firstState(
    isScheduled ? 'scheduled' : 'pending',
    core.options.work ? core.id : null,
    isScheduled ? dueAt : now,
  )
  const key =
    call?.idempotencyKey === undefined ? undefined : keyOf(call, inputJson, now, name, origin)
  const { mayRetryAgain } = origin
  const enqueueRetry =
    call?.enqueueRetry === undefined
      ? undefined
      : resolveEnqueueRetry(call.enqueueRetry, `task "${name}": `)
  return {
    registered,
    options,
    spec,
    state,
    key,
    mayRetryAgain,
    isScheduled,
    isFresh: core.newId === uuidV7 && call?.id === undefined,
    parsedInput,
    enqueueRetry,
  }
}

const CALL_ONLY: ReadonlySet<string> = new Set([
  'idempotencyKey',
  'idempotencyTtl',
  'id',
  'delay',
  'runAt',
  'parent',
  'onFull',
  'signal',
  'enqueueRetry',
  'traceContext',
])

/** The options of one call over those of its task. The registered ones as they are when the call overrides none. */
export function resolveCall(registered: Registered, call: ExecutionOptions): RunOptions {
  const where = `task "${registered.name}": `
  if (typeof call !== 'object' || call === null || Array.isArray(call)) {
    throw new InvalidOptionsError('options', 'an object', call, where)
  }
  const own: Record<string, unknown> = {}
  let overrides = false
  for (const [key, value] of Object.entries(call)) {
    if (value === undefined || CALL_ONLY.has(key)) continue
    if (!EXECUTION_OPTION_NAMES.has(key)) {
      throw new InvalidOptionsError(key, 'left out: there is no such option', value, where)
    }
    own[key] = value
    overrides = true
  }
  if (!overrides) return registered.options
  return resolveOptions(mergeOptions<ExecutionOptions>(registered.layer, own), where)
}

interface ParentIds {
  readonly parentId: string
  readonly rootId: string
}

function familyOf({ parentId, rootId }: TaskSpec): ParentIds | undefined {
  return parentId === undefined ? undefined : { parentId, rootId }
}

// Enqueued below a running task, through whatever executor: a child of it.
function parentOf(option: null | undefined): ParentIds | undefined {
  if (option === null) return undefined
  const context = currentScope()?.attempt?.context
  return context === undefined ? undefined : { parentId: context.taskId, rootId: context.rootId }
}

function dueTime(call: EnqueueOptions, now: number, name: string): number {
  const { delay, runAt } = call
  const where = `task "${name}": `
  if (delay !== undefined && runAt !== undefined) {
    throw new InvalidOptionsError(
      'runAt',
      'left out when delay is given: use one of them',
      runAt,
      where,
    )
  }
  if (delay !== undefined) {
    const at = now + durationMs(delay, 'delay', where)
    if (at > MAX_TIME)
      throw new InvalidOptionsError('delay', 'shorter: it ends past the last date', delay, where)
    return at
  }
  if (runAt === undefined) return now
  const time = runAt instanceof Date ? runAt.getTime() : runAt
  if (typeof time !== 'number' || !(Math.abs(time) <= MAX_TIME)) {
    throw new InvalidOptionsError('runAt', 'a valid Date or epoch milliseconds', runAt, where)
  }
  return time
}

function checkWaiting({ onFull, signal }: EnqueueOptions, name: string): void {
  const where = `task "${name}": `
  const answer: unknown = onFull
  if (answer !== undefined && answer !== 'wait' && answer !== 'reject') {
    throw new InvalidOptionsError('onFull', '"reject" or "wait"', answer, where)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionsError('signal', 'an AbortSignal', signal, where)
  }
}

function checkId(id: unknown, name: string): string {
  if (typeof id === 'string' && ID_PATTERN.test(id)) return id
  throw new InvalidOptionsError(
    'id',
    '1 to 128 letters, digits, "_", ".", ":" or "-"',
    id,
    `task "${name}": `,
  )
}

// A label is for people: a function that throws or answers nonsense costs the label, not the task.
function labelOf(options: RunOptions, inputJson: string | undefined): string | undefined {
  const { label } = options
  if (typeof label !== 'function') return label
  try {
    const text = label((inputJson === undefined ? undefined : JSON.parse(inputJson)) as never)
    if (typeof text === 'string') return text.slice(0, 200)
    ignoreRejection(text)
    return undefined
  } catch {
    return undefined
  }
}

function carrierOf(value: unknown, name: string): TraceContext {
  return stringMap(value, 'traceContext', CARRIER_LIMITS, `task "${name}": `)
}

function keyOf(
  call: EnqueueOptions,
  inputJson: string | undefined,
  now: number,
  name: string,
  origin: Origin,
): RecordKey {
  const where = `task "${name}": `
  const key: unknown = call.idempotencyKey
  if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_LENGTH) {
    throw new InvalidOptionsError(
      'idempotencyKey',
      `a string of 1 to ${MAX_KEY_LENGTH} characters`,
      key,
      where,
    )
  }
  const ttl =
    call.idempotencyTtl === undefined ? 0 : durationMs(call.idempotencyTtl, 'idempotencyTtl', where)
  return {
    key,
    inputHash: inputHash(inputJson),
    heldUntil: Math.min(now + ttl, MAX_TIME),
    takeOverFrom: origin.takeOverFrom,
  }
}

/** What around-hooks are shown of a record. */
export function draftOf(spec: TaskSpec, state: TaskState, { propagation }: RunOptions): TaskDraft {
  const {
    id,
    name,
    label,
    queue,
    priority,
    source,
    tags,
    headers,
    createdAt,
    parentId,
    rootId,
    retryOf,
  } = spec
  const { dueAt } = state
  return {
    id,
    name,
    label,
    queue,
    priority,
    source,
    tags,
    headers,
    dueAt,
    createdAt,
    parentId,
    rootId,
    retryOf,
    propagation,
  }
}
