/**
 * The storage contract: what an executor asks of a place that keeps records. This file is the manual for authors
 * of backends; `plainsight/testing` has the conformance cases that hold an implementation to it.
 *
 * Ground rules, for every method:
 * - A method may answer with a value or with a promise of one. What it answers is durable to the degree that
 *   `capabilities.durable` states: when the answer arrives, the write has happened.
 * - A method is atomic: all of it happened, or none of it.
 * - Calls take effect in the order in which they were made. A backend may commit many calls together.
 * - Specs and states are immutable values: a backend may keep the objects it is given and hand out what it keeps.
 * - A rejection is always a `BackendUnavailableError`, and means *unknown*: the write may have happened. The executor
 *   repeats the same call, so **every write is idempotent**: repeating one that took effect answers as the first did.
 *   There are two exceptions. `claim` and `adopt` answer a repeat with other records: after a rejection of one of
 *   them, the executor asks `owned` for what it was given without hearing of it. `sweep` counts what that very call
 *   removed.
 * - A repeat is recognised by its values, which are the same objects: an insert by `spec`, an update by `state`.
 *   The states of inserted records may be one object; that of an update is its own.
 *   Callers leave the arrays that they pass alone until the answer.
 * - A backend never sees an event, never reads a clock (instants come as arguments), and never starts a timer that
 *   keeps the process alive, except for the few seconds in which it repeats a write that somebody awaits.
 */

import type { BackendUnavailableError } from '../task/errors.ts'
import type {
  CancelRequest,
  LogLine,
  Progress,
  StoredRecord,
  TaskSpec,
  TaskState,
} from '../task/record.ts'
import type { Status } from '../task/status.ts'

/** What a backend can do, so that executor and documentation need not guess. */
export interface BackendCapabilities {
  /** `none`: gone with the process; `process`: survives `kill -9`; `power`: survives power loss as well. */
  readonly durable: 'none' | 'process' | 'power'
  /** Whether executors of other processes can work on the same records. */
  readonly shared: boolean
  /** Whether `insert` can join a caller's own transaction. */
  readonly transactional: boolean
  /** Records that may wait in one executor before enqueue is refused; `Infinity` when only the disk limits it. */
  readonly maxQueued: number
}

/** Who is writing. */
export interface Owner {
  readonly executorId: string
  readonly now: number
}

/** A record to insert. */
export interface NewRecord {
  readonly spec: TaskSpec
  /**
   * `state.owner` says who has it: an executor id (in its memory), or null (anyone may claim it).
   * `running` is allowed: a record that found a free slot is inserted as started, in one commit.
   */
  readonly state: TaskState
  /** Present when `spec.idempotencyKey` is. */
  readonly key?: RecordKey | undefined
  /**
   * True when the id was made for this very record and the store cannot have it: it need not look. Absent for an id that
   * a user has given, and when an insert is repeated.
   */
  readonly isFresh?: boolean | undefined
  /** True when the id was made for this very record, also when its insert is repeated: the record that has it is this one. */
  readonly isOwnId?: boolean | undefined
  /** For a spec with `retryOf`: whether a record that was retried already may be retried again. Default false. */
  readonly mayRetryAgain?: boolean | undefined
}

/** An idempotency key, scoped by the task's name. */
export interface RecordKey {
  readonly key: string
  /** Hash of the canonical raw input: another hash under the same key is a mismatch. */
  readonly inputHash: string
  /** Epoch milliseconds until which the key is held at least; it is held as long as the record in any case. */
  readonly heldUntil: number
  /** For a retry by hand: the record to take the key over from. */
  readonly takeOverFrom?: string | undefined
}

/** What became of one record of an insert. */
export type InsertResult =
  | { readonly type: 'inserted'; readonly position: number }
  /** A live or succeeded record holds the idempotency key. */
  | { readonly type: 'existing'; readonly id: string; readonly sameInput: boolean }
  /** Another record has this id. */
  | { readonly type: 'duplicate'; readonly id: string }
  /** The record that it retries was retried already, as this one. Said rather than `existing` when both hold. */
  | { readonly type: 'retried'; readonly id: string }

/** What became of one record of several that were inserted each for itself. */
export type InsertEachResult = InsertResult | BackendUnavailableError

/** The replacement of one record's state by its owner. */
export interface StatePatch {
  readonly id: string
  readonly position: number
  readonly name: string
  /** The writer: the patch is refused unless the stored owner and fence are these. */
  readonly owner: string
  readonly fence: number
  readonly state: TaskState
  /** True for an end that frees the idempotency key: failed, cancelled, interrupted, expired. */
  readonly freesKey: boolean
  /** For the start of a task that waited: refused as `cancelled`, with nothing written, when a cancel was asked for. */
  readonly unlessCancelled?: boolean | undefined
}

/** Log lines and progress of one running record, since the last append. */
export interface LogPatch {
  readonly id: string
  readonly position: number
  readonly owner: string
  readonly fence: number
  readonly lines: readonly LogLine[]
  /** Number of this chunk within the record and fence, from 0: a repeated chunk is not stored twice. */
  readonly chunk: number
  /** Lines that the caps left out so far under this fence. */
  readonly dropped: number
  readonly progress?: Progress | undefined
}

/**
 * `stale`: the writer no longer owns the record, and nothing was written. `cancelled`: a patch with `unlessCancelled`
 * met a cancel request, and nothing was written.
 */
export type WriteResult = 'ok' | 'stale' | 'cancelled'

export interface ClaimQuery {
  /** Only tasks of these names: an executor claims what it can run. */
  readonly names: readonly string[]
  readonly queue?: string | undefined
  /** In all. */
  readonly limit: number
  /** Of each queue; `queueLimits` says it for some of them. Default: no limit but that of all. */
  readonly queueLimit?: number | undefined
  readonly queueLimits?: ReadonlyMap<string, number> | undefined
  /**
   * Epoch milliseconds: scheduled and retrying records whose `state.dueAt` lies after it stay, whatever their priority. A
   * pending one is due, whatever its `dueAt` says: it was when that was written.
   */
  readonly dueBefore: number
}

/** A cancel that somebody asked for and this owner has to carry out. */
export interface PendingCancel extends CancelRequest {
  readonly id: string
}

/** What a heartbeat answers: cancels to carry out, or `lost` when the store has given the owner's lease away. */
export type BeatResult =
  | { readonly type: 'ok'; readonly cancels: readonly PendingCancel[] }
  | { readonly type: 'lost' }

/** How long finished records stay. */
export interface Retention {
  /** Only records that ended so are looked at, counted and removed; all of them unless given. */
  readonly status?: readonly Status[] | undefined
  /** Finished before this instant (epoch milliseconds) goes. */
  readonly endedBefore: number
  /** At most this many finished records stay, the newest. */
  readonly maxFinished: number
  /** At most this many records are removed by one call, so that a sweep never stalls the process. */
  readonly limit: number
  readonly now: number
}

export interface StoredLogs {
  readonly lines: readonly LogLine[]
  /** The sum over the fences, of each the count of its last chunk. */
  readonly dropped: number
}

/** Filters of a listing; all given ones must hold. */
export interface RecordQuery {
  readonly status?: readonly Status[] | undefined
  readonly name?: string | undefined
  readonly queue?: string | undefined
  /** Tags that the record has, with these values. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly parentId?: string | undefined
  readonly createdAfter?: number | undefined
  readonly createdBefore?: number | undefined
  /**
   * Text that the id, name, label, a tag's value, or the error's name or message contains, whatever the case of ASCII
   * letters. Looked for record by record.
   */
  readonly text?: string | undefined
  /** From 1 to 200. */
  readonly limit: number
  /** Answers from after this position on, in the direction of `order`. */
  readonly after?: number | undefined
  /** By position. */
  readonly order: 'newest' | 'oldest'
}

/** Some of the matching records. */
export interface RecordList {
  /** By position, at most `limit`. Logs are not among them. */
  readonly records: readonly StoredRecord[]
  /**
   * Where to go on, as `after` of the next query; `undefined` at the end. A store may look at so many records per call
   * and no more, so that a rare match among millions stalls nobody: a list can be short, or empty, and go on.
   */
  readonly next: number | undefined
}

/** Queries for people and dashboards; optional, never on a task's path. */
export interface RecordQueries {
  /** Matching records, by position. */
  list(query: RecordQuery): RecordList | Promise<RecordList>
  /** How many records have each status. */
  countByStatus(): Readonly<Record<Status, number>> | Promise<Readonly<Record<Status, number>>>
}

/** A place that keeps records. */
export interface Backend {
  /** For messages and events: `memory`, `sqlite`. */
  readonly name: string
  readonly capabilities: BackendCapabilities
  readonly queries?: RecordQueries | undefined

  /**
   * Opens the store for this executor and registers it as an owner. Called once per executor, before anything else;
   * several executors may open one backend object. Records that an earlier executor of the same id left behind
   * go to an owner of another name, which `deadOwners` then gives.
   *
   * Not being able to open rejects with a reason that says why: `cannot_open`, `not_a_database`,
   * `foreign_database`, `newer_schema`, `corrupt`, …
   */
  open(owner: Owner): void | Promise<void>

  /**
   * Inserts records, all or none, each with a position greater than every earlier one.
   *
   * None is inserted when any of them meets an `existing` key or a `duplicate` id or was `retried`, be it by an earlier
   * record of the same call: the answer has one result per record, in order, and those that would have gone in say
   * `inserted` with position −1. A `state.owner` that has not opened this backend is refused with reason `closed`,
   * and one whose registration the store has ended (its records were given away) with reason `lease_lost`. A key held by a record that
   * ended failed, cancelled, interrupted or expired is free. `takeOverFrom` moves a key from that record.
   * A spec with `retryOf` also sets `retriedBy` on that record; when it is set, the insert is refused as `retried`, unless
   * `mayRetryAgain`: of several that retry one record at once, one goes in. Repeating an insert of the same records answers
   * `inserted` with their positions again.
   */
  insert(records: readonly NewRecord[]): readonly InsertResult[] | Promise<readonly InsertResult[]>

  /**
   * As a call of `insert` for each record, in this order: what is refused keeps no other out, and of what the store could
   * not take, its error is the answer. A rejection is one of each call. Optional; executors use it for the records without a
   * key of one turn of the event loop.
   */
  insertEach?(
    records: readonly NewRecord[],
  ): readonly InsertEachResult[] | Promise<readonly InsertEachResult[]>

  /**
   * Takes unowned, live records that are not held: sets the owner, adds one to the fence, keeps the status.
   *
   * Best first: by priority downwards, then by position, among those due by `dueBefore`. A record is given to one
   * caller only.
   */
  claim(owner: Owner, query: ClaimQuery): readonly StoredRecord[] | Promise<readonly StoredRecord[]>

  /**
   * Replaces states; each patch is accepted or refused for itself, in order. A patch that was already applied
   * (same fence after, same state) is `ok` again.
   *
   * A refused one changes nothing: not the state, not the key. A patch with `freesKey` frees the record's
   * idempotency key in the same transaction.
   */
  update(patches: readonly StatePatch[]): readonly WriteResult[] | Promise<readonly WriteResult[]>

  /** Appends log lines and sets progress; refused for a stale owner like an update. May lag behind by one group commit. */
  append(patches: readonly LogPatch[]): readonly WriteResult[] | Promise<readonly WriteResult[]>

  /**
   * Notes that a record shall be cancelled; its owner hears of it by `beat`. An unowned record that is not running is
   * taken by the caller as by `claim`, and answered as `claimed`: the caller then ends it.
   *
   * Idempotent: the first request is kept. A repeat by a caller that it was `claimed` for is `claimed` again.
   */
  requestCancel(
    owner: Owner,
    id: string,
    request: CancelRequest,
  ): CancelResult | Promise<CancelResult>

  /** Says that the owner lives, and answers what it has to know. */
  beat(owner: Owner): BeatResult | Promise<BeatResult>

  /**
   * Owners that have records, or are registered, and are known to be dead: whose lock is free, or whose last beat is
   * before `beatBefore` and whose lock cannot tell. Never the caller, never an owner that lives.
   */
  deadOwners(owner: Owner, beatBefore: number): readonly string[] | Promise<readonly string[]>

  /**
   * Takes up to `limit` records of a dead owner, of these names: sets the owner, adds one to the fence. Records of
   * other names lose their owner and stay. An owner without records left is forgotten.
   *
   * Statuses stay: `running` means that the attempt may have begun, and the caller settles it.
   */
  adopt(
    owner: Owner,
    deadOwner: string,
    names: readonly string[],
    limit: number,
  ): readonly StoredRecord[] | Promise<readonly StoredRecord[]>

  /** The live records of the caller, by position: what a rejected `claim` or `adopt` may have given it. */
  owned(owner: Owner): readonly StoredRecord[] | Promise<readonly StoredRecord[]>

  /** How many unowned live records there are of names other than these. */
  countUnknown(
    names: readonly string[],
  ): Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>

  get(id: string): StoredRecord | undefined | Promise<StoredRecord | undefined>

  /** The stored lines of a record, oldest first. */
  logs(id: string): StoredLogs | Promise<StoredLogs>

  /** Removes finished records beyond the retention with their logs and expired keys; answers how many records. */
  sweep(retention: Retention): number | Promise<number>

  /**
   * Calls `listener` when records without an owner may have come up (an insert, or a close that gave work up), as far
   * as the backend notices within this process; polling covers the rest. Answers a function that ends it.
   */
  onUnowned?(listener: () => void): () => void

  /**
   * Calls `listener` when somebody may have asked for a cancel that an executor of this backend object has to hear of by
   * `beat`, as far as the backend notices; without it that takes until the next regular beat. Answers a function that
   * ends it.
   */
  onCancel?(listener: () => void): () => void

  /**
   * Calls `listener` with what `open` finds that is no reason to refuse, and that the user should know, such as a server
   * that keeps nothing on its disk: the executor publishes it as `backend.error`. Answers a function that ends it.
   */
  onWarning?(listener: (warning: BackendUnavailableError) => void): () => void

  /**
   * Ends this executor's use of the store: what was written is durable, its registration and locks are gone. Records
   * it still owns keep their owner, and are then found by `deadOwners`. Idempotent; later calls by this owner
   * reject with reason `closed`.
   */
  close(owner: Owner): void | Promise<void>
}

/** What became of a cancel request. */
export type CancelResult =
  /** No such record. */
  | { readonly type: 'missing' }
  /** It has ended. */
  | { readonly type: 'ended'; readonly status: Status }
  /** Its owner, possibly the caller, will hear of it. */
  | { readonly type: 'requested'; readonly owner: string }
  /** It was running when its owner died, and waits for an executor that knows the task: that one will hear of it. */
  | { readonly type: 'requested'; readonly owner: null }
  /** It had no owner and is the caller's now. */
  | { readonly type: 'claimed'; readonly record: StoredRecord }
