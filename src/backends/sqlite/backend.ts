/** Records in one SQLite file, shared by the processes of a machine. */

import type { BackendUnavailableError } from '../../task/errors.ts'
import type {
  Backend,
  InsertEachResult,
  InsertResult,
  NewRecord,
  Owner,
  RecordQuery,
} from '../backend.ts'
import { createListeners } from '../listeners.ts'
import { GROUP_ROWS } from './commit-queue.ts'
import { isOfOneCall } from '../../connections/sqlite-failure.ts'
import type { Insert } from './insert.ts'
import { createMembers } from './members.ts'
import { checkSettings, type SqliteBackendOptions } from './options.ts'
import { lockPath, probeLock, removeLock } from './owner-lock.ts'
import type { Store } from './store.ts'

/**
 * Keeps records in the SQLite file at `path`, which is made when it does not exist; its directory has to.
 *
 * Processes of one machine can share the file; it belongs on a local disk. Calls of one turn of the event loop are
 * committed together. Beside the file lie SQLite's own `-wal` and `-shm`, and a `.lock` for each running executor.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the option; `':memory:'` is refused, see `memoryBackend`
 * @example
 * const executor = createExecutor({ tasks: [], backend: sqliteBackend('tasks.db') })
 */
export function sqliteBackend(path: string, options: SqliteBackendOptions = {}): Backend {
  const settings = checkSettings(path, options)
  const { nudge, listen: onUnowned } = createListeners()
  const cancels = createListeners()
  const members = createMembers(settings, { free: nudge, cancel: cancels.nudge })

  /** Runs `work` with the next group, for the executor that calls. */
  async function run<T>(
    operation: string,
    { executorId }: Owner,
    work: (store: Store, number: number) => T,
  ): Promise<T> {
    members.check(executorId, operation)
    const store = members.store(operation)
    return store.queue.run(operation, 1, () => work(store, members.number(executorId)))
  }

  /** As `run`, for calls that may give records to the caller. */
  function runOnLease<T>(
    operation: string,
    owner: Owner,
    work: (store: Store, number: number) => T,
  ): Promise<T> {
    return run(operation, owner, (store, number) => {
      store.lease.check(number, owner.executorId, operation)
      return work(store, number)
    })
  }

  async function read<T>(operation: string, work: (store: Store) => T, rows = 1): Promise<T> {
    const store = members.store(operation)
    return store.queue.read(operation, () => work(store), rows)
  }

  /** What `call` answers; a rejection when it throws. */
  function answering<T>(call: () => Promise<T>): Promise<T> {
    try {
      return call()
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // Not async, like `update`: both are on every task's way, and each promise costs.
  function insert(
    how: keyof Insert,
    records: readonly NewRecord[],
  ): Promise<readonly InsertResult[]> {
    return answering(() => {
      const { queue, insert: into } = members.store('insert')
      let hasUnowned = false
      for (const { state } of records) {
        if (state.owner === null) hasUnowned = true
        else members.check(state.owner, 'insert')
      }
      const results = queue.run('insert', records.length, () => into[how](records))
      return hasUnowned ? nudging(results) : results
    })
  }

  async function insertEach(records: readonly NewRecord[]): Promise<readonly InsertEachResult[]> {
    try {
      return await insert('each', records)
    } catch (error) {
      if (records.length === 1 || !isOfOneCall(error)) throw error
      // The group holds what cannot be written: the others do not suffer for it.
      const alone = records.map((record) => insert('each', [record]))
      return Promise.all(
        alone.map((answer) =>
          answer.then(
            ([result]) => result as InsertResult,
            (own: BackendUnavailableError) => own,
          ),
        ),
      )
    }
  }

  async function nudging<T>(results: Promise<T>): Promise<T> {
    const answer = await results
    nudge()
    return answer
  }

  return {
    name: 'sqlite',
    capabilities: {
      durable: settings.durability,
      shared: true,
      transactional: false,
      maxQueued: Infinity,
    },
    queries: {
      list: (query: RecordQuery) => read('list', ({ queries }) => queries.list(query), GROUP_ROWS),
      countByStatus: () =>
        read('countByStatus', ({ queries }) => queries.countByStatus(), GROUP_ROWS),
    },

    open: (owner) => members.join(owner),

    insert: (records) => insert('all', records),
    insertEach,

    async claim(owner, query) {
      const { records, isMoreDue } = await runOnLease('claim', owner, ({ claim }, number) =>
        claim.claim(number, query),
      )
      if (isMoreDue) nudge()
      return records
    },

    update(patches) {
      return answering(() => {
        const { queue, update } = members.store('update')
        let hasUnowned = false
        for (const { owner, state } of patches) {
          members.check(owner, 'update')
          if (state.owner === null && state.endedAt === undefined) hasUnowned = true
        }
        const results = queue.run('update', patches.length, () => update.states(patches))
        return hasUnowned ? nudging(results) : results
      })
    },

    async append(patches) {
      const { queue, update } = members.store('append')
      for (const { owner } of patches) members.check(owner, 'append')
      return queue.run('append', patches.length, () => update.logs(patches))
    },

    async requestCancel(owner, id, request) {
      const result = await runOnLease('requestCancel', owner, ({ claim }, number) =>
        claim.cancel(number, owner.executorId, id, request),
      )
      const other = result.type === 'requested' ? result.owner : null
      // Of this process: no other connection writes, so nobody would notice.
      if (other !== null && other !== owner.executorId && members.has(other)) cancels.nudge()
      return result
    },

    beat: (owner) => run('beat', owner, ({ owners }, number) => owners.beat(number, owner.now)),

    async deadOwners(owner, beatBefore) {
      members.check(owner.executorId, 'deadOwners')
      const { Database } = members.store('deadOwners')
      const others = await read('deadOwners', ({ owners }) =>
        owners.others(members.number(owner.executorId)),
      )
      const dead = others.filter(({ id, registered, beat_at: beatAt }) => {
        if (members.has(id)) return false
        const lock = probeLock(Database, lockPath(settings.path, id))
        return lock === 'missing' ? registered === 0 || beatAt < beatBefore : lock === 'free'
      })
      return dead.map(({ id }) => id)
    },

    async adopt(owner, deadOwner, names, limit) {
      const { Database } = members.store('adopt')
      const lock = lockPath(settings.path, deadOwner)
      // It may have come back since it was found dead.
      if (members.has(deadOwner) || probeLock(Database, lock) === 'held') return []
      const { records, isForgotten } = await runOnLease(
        'adopt',
        owner,
        ({ claim, owners }, number) => {
          const dead = owners.find(deadOwner)
          if (dead === undefined) return { records: [], isForgotten: true }
          const adopted = claim.adopt(number, dead, names, limit)
          owners.unregister(dead)
          return { records: adopted, isForgotten: owners.isForgotten(dead) }
        },
      )
      if (isForgotten) removeLock(Database, lock)
      // Records of other names have lost their owner.
      nudge()
      return records
    },

    owned: (owner) => run('owned', owner, ({ queries }, number) => queries.owned(number)),

    countUnknown: (names) => read('countUnknown', ({ claim }) => claim.countUnknown(names)),

    get: (id) => read('get', ({ queries }) => queries.get(id)),

    logs: (id) => read('logs', ({ update }) => update.storedLogs(id)),

    async sweep(retention) {
      const { queue, sweep } = members.store('sweep')
      return queue.run('sweep', retention.limit, () => sweep(retention))
    },

    onUnowned,

    onCancel: cancels.listen,

    close: (owner) => members.leave(owner),
  }
}
