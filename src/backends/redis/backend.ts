/** Records in Redis, shared by processes and machines. */

import type { Backend, BeatResult, CancelResult, Owner, RecordQuery } from '../backend.ts'
import { MAX_DUE_PER_CLAIM } from '../due.ts'
import { createListeners, ListenerSet } from '../listeners.ts'
import { statusOf, statusNumber } from '../state-text.ts'
import type { BackendUnavailableError } from '../../task/errors.ts'
import type { LogLine, StoredRecord } from '../../task/record.ts'
import { isTerminal, STATUSES, type Status } from '../../task/status.ts'
import { createBeats } from './beats.ts'
import type { Call } from './block.ts'
import { leaseLost } from './failure.ts'
import type { Timing } from './group-queue.ts'
import { createInserts, nudging } from './inserts.ts'
import { listRecords } from './list.ts'
import { createMembers } from './members.ts'
import { checkSettings, type RedisBackendOptions } from './options.ts'
import { cancelFrom, recordsFrom, type Reading } from './record-values.ts'
import {
  appendCall,
  appendResults,
  keepSent,
  updateCall,
  updateResults,
  type Writing,
} from './write-calls.ts'

/** Without a beat for so long, an owner may be taken for dead at the earliest. */
const MIN_SILENCE_MS = 5_000
const SWEPT_PER_SCRIPT = 250

/**
 * Keeps records in Redis 6.2 or later, or Valkey: processes and machines with the same `prefix` share them.
 *
 * It makes two connections of its own, which never wait for ever. Calls of one turn of the event loop, and those that
 * come while Redis works, go as one script.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the option
 * @example
 * const executor = createExecutor({ tasks: [], backend: redisBackend({ client: 'redis://localhost:6379' }) })
 */
export function redisBackend(options: RedisBackendOptions): Backend {
  const settings = checkSettings(options)
  const { nudge, listen: onUnowned } = createListeners()
  const cancels = createListeners()
  const warnings = new ListenerSet<[BackendUnavailableError]>()
  const beats = createBeats()
  const members = createMembers(settings, {
    free: nudge,
    cancel: cancels.nudge,
    warn: (warning) => warnings.tell(warning),
  })
  const writing: Writing = {
    tokenOf: (executorId, operation) => members.token(executorId, operation),
    forServer: (state) => members.store('write').clock.forServer(state),
    given: new WeakSet(),
    sent: new WeakMap(),
  }
  const reading: Reading = {
    ownerOf: (token) => members.ownerOf(token),
    localTime: (time) => members.store('read').clock.toLocal(time),
  }

  // How often an executor has asked what it was given: what was called before that, and comes after it, comes to nothing.
  let asked = 0

  async function run<T>(
    operation: string,
    args: readonly string[],
    decode: (reply: unknown, timing: Timing) => T,
    weight = 5,
  ): Promise<T> {
    return members.store(operation).queue.run(callOf(operation, args, weight), decode)
  }

  /** As `run`, for calls that may give records to the caller: refused when its registration is gone. */
  function runOnLease<T>(
    operation: string,
    { executorId }: Owner,
    argsFor: (token: string) => readonly string[],
    decode: (reply: unknown) => T,
    weight?: number,
  ): Promise<T> {
    return withToken(operation, executorId, (token) =>
      run(
        operation,
        argsFor(token),
        (reply) => {
          if (reply === 'L') throw lost(executorId, operation)
          return decode(reply)
        },
        weight,
      ),
    )
  }

  async function withToken<T>(
    operation: string,
    executorId: string,
    call: (token: string) => Promise<T>,
  ): Promise<T> {
    return call(members.token(executorId, operation))
  }

  function lost(executorId: string, operation: string): Error {
    return leaseLost(executorId, operation, members.store(operation).place)
  }

  return {
    name: 'redis',
    capabilities: { durable: 'process', shared: true, transactional: false, maxQueued: Infinity },
    queries: {
      list: (query: RecordQuery) =>
        listRecords(query, (args) => run('list', args, listReply(reading), 50)),
      countByStatus: () => run('countByStatus', ['N'], countsFrom),
    },

    open: (owner) => members.join(owner),

    ...createInserts(members, writing, nudge),

    claim(owner, query) {
      const { names, queue = '', limit, queueLimit, queueLimits, dueBefore } = query
      const claimed = runOnLease(
        'claim',
        owner,
        (token) => [
          'C',
          token,
          `${asked}`,
          `${limit}`,
          textOf(members.store('claim').clock.toServer(dueBefore)),
          `${Math.max(limit, MAX_DUE_PER_CLAIM)}`,
          queue,
          textOf(queueLimit),
          `${queueLimits?.size ?? 0}`,
          ...Array.from(queueLimits ?? [], ([name, most]) => [name, textOf(most)]).flat(),
          `${names.length}`,
          ...names,
        ],
        (reply) => reply as readonly [number, readonly unknown[]],
        20 + limit,
      )
      return claimed.then(([isMoreDue, values]) => {
        if (isMoreDue === 1) nudge()
        return recordsFrom(values, reading)
      })
    },

    // Not async: it is on every task's way, and each promise costs.
    update(patches) {
      try {
        const { queue } = members.store('update')
        if (patches.length === 0) return []
        const call = updateCall(patches, writing)
        const results = queue.run(call, (reply) => updateResults(reply as string, patches))
        results.catch(() => keepSent(call, patches, writing))
        const frees = patches.some(({ state }) => state.owner === null && !isTerminal(state.status))
        return frees ? nudging(results, nudge) : results
      } catch (error) {
        return Promise.reject(error)
      }
    },

    async append(patches) {
      const { queue } = members.store('append')
      if (patches.length === 0) return []
      return queue.run(appendCall(patches, writing), (reply) => appendResults(reply as string))
    },

    requestCancel: (owner, id, request) =>
      runOnLease(
        'requestCancel',
        owner,
        (token) => ['K', token, `${asked}`, id, JSON.stringify(request)],
        (reply) => cancelResult(reply as string | readonly unknown[], reading),
      ),

    async beat({ executorId }) {
      const token = members.token(executorId, 'beat')
      try {
        const result = await run('beat', ['B', token], (reply, timing) => {
          if (reply === 'lost') return { type: 'lost' } as const
          const [time, ...pairs] = reply as readonly string[]
          members.store('beat').clock.note(Number(time), timing)
          return { type: 'ok', cancels: pairsOf(pairs).map(cancelOf) } satisfies BeatResult
        })
        beats.succeeded()
        return result
      } catch (error) {
        beats.failed()
        throw error
      }
    },

    deadOwners: ({ executorId, now }, beatBefore) =>
      withToken('deadOwners', executorId, (token) =>
        run('deadOwners', ['D', token], (reply) => {
          const silence = Math.max(now - beatBefore, MIN_SILENCE_MS)
          const possible = beats.possibleForMs()
          const others = pairsOf(reply as readonly (string | number)[])
          const dead = others.filter(([name, age]) => {
            const isSilent = age === -1 || Math.min(Number(age), possible) > silence
            return isSilent && !members.has(name as string)
          })
          return dead.map(([name]) => name as string)
        }),
      ),

    async adopt(owner, deadOwner, names, limit) {
      members.token(owner.executorId, 'adopt')
      if (members.has(deadOwner)) return []
      const pass = (token: string): readonly string[] => [
        'A',
        token,
        `${asked}`,
        deadOwner,
        `${limit}`,
        `${MIN_SILENCE_MS}`,
        `${names.length}`,
        ...names,
      ]
      for (;;) {
        const [isMore, values] = await runOnLease(
          'adopt',
          owner,
          pass,
          (reply) => reply as readonly [number, readonly unknown[]],
          100,
        )
        // One script looks at so many and no more: those may all have been of other names.
        if (isMore === 1 && values.length === 0 && limit > 0) continue
        // Records of other names have lost their owner.
        nudge()
        return recordsFrom(values, reading)
      }
    },

    owned: ({ executorId }) =>
      withToken('owned', executorId, (token) =>
        run(
          'owned',
          ['W', token, `${++asked}`],
          (reply) => recordsFrom(reply as unknown[], reading),
          50,
        ),
      ),

    async countUnknown(names) {
      const known = new Set(names)
      const pairs = await run('countUnknown', ['Q'], (reply) => pairsOf(reply as string[]))
      const counts: Record<string, number> = {}
      for (const [group, count] of pairs) {
        const [, name = ''] = String(group).split(' ')
        if (!known.has(name)) counts[name] = (counts[name] ?? 0) + Number(count)
      }
      return counts
    },

    async get(id) {
      const [record] = await run('get', ['G', id], (reply) =>
        recordsFrom(reply as unknown[], reading),
      )
      return record
    },

    async logs(id) {
      const chunks = await run('logs', ['T', id], (reply) => reply as readonly string[])
      return logsFrom(chunks)
    },

    async sweep({ status = TERMINAL, endedBefore, maxFinished, limit, now }) {
      const digits = [...new Set(status)].filter(isTerminal).map(statusNumber).join('')
      if (digits === '') return 0
      let removed = 0
      while (removed < limit) {
        const most = Math.min(limit - removed, SWEPT_PER_SCRIPT)
        const args = [endedBefore, maxFinished, most, now].map(textOf)
        const reply = await run('sweep', ['S', ...args, digits], (pair) => pair, most)
        const [count, isMore] = reply as readonly [number, number]
        removed += count
        if (count < most && isMore === 0) break
      }
      return removed
    },

    onUnowned,

    onCancel: cancels.listen,

    onWarning: (listener) => warnings.add(listener),

    close: (owner) => members.leave(owner),
  }
}

const TERMINAL: readonly Status[] = STATUSES.filter(isTerminal)

function callOf(operation: string, args: readonly string[], weight: number): Call {
  return { operation, kind: 'other', args, count: 1, weight, characters: 100 }
}

/** As Redis reads numbers. */
function textOf(number: number | undefined): string {
  if (number === undefined) return ''
  if (number === Infinity) return 'inf'
  return number === -Infinity ? '-inf' : `${number}`
}

function listReply(reading: Reading) {
  return (reply: unknown): { readonly next: number; readonly records: readonly StoredRecord[] } => {
    const [next, values] = reply as readonly [number, readonly unknown[]]
    return { next, records: recordsFrom(values, reading) }
  }
}

function pairsOf<T>(list: readonly T[]): (readonly [T, T])[] {
  const pairs: (readonly [T, T])[] = []
  for (let index = 0; index + 1 < list.length; index += 2) {
    pairs.push([list[index] as T, list[index + 1] as T])
  }
  return pairs
}

function cancelOf([id, request]: readonly [string, string]) {
  return { id, ...cancelFrom(request) }
}

function countsFrom(reply: unknown): Readonly<Record<Status, number>> {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  for (const [digit, count] of pairsOf(reply as readonly string[])) {
    counts[statusOf(Number(digit))] += Number(count)
  }
  return counts
}

function cancelResult(reply: string | readonly unknown[], reading: Reading): CancelResult {
  if (typeof reply !== 'string') {
    const [record] = recordsFrom(reply, reading)
    return record === undefined ? { type: 'missing' } : { type: 'claimed', record }
  }
  const rest = reply.slice(1)
  switch (reply[0]) {
    case 'E':
      return { type: 'ended', status: statusOf(Number(rest)) }
    case 'O':
      return { type: 'requested', owner: rest === '' ? null : reading.ownerOf(rest) }
    default:
      return { type: 'missing' }
  }
}

/** Chunks are `fence chunk dropped lines`; each counts from the beginning of its fence. */
function logsFrom(chunks: readonly string[]): {
  readonly lines: readonly LogLine[]
  readonly dropped: number
} {
  const lines: LogLine[] = []
  const droppedOf = new Map<string, number>()
  for (const chunk of chunks) {
    const [, fence = '', dropped, text = ''] = /^(\d+) \d+ (\d+) (.*)$/s.exec(chunk) ?? []
    droppedOf.set(fence, Number(dropped ?? 0))
    for (const line of linesFrom(text)) lines.push(line)
  }
  return { lines, dropped: [...droppedOf.values()].reduce((sum, each) => sum + each, 0) }
}

function linesFrom(text: string): readonly LogLine[] {
  if (text === '') return []
  try {
    return JSON.parse(text) as LogLine[]
  } catch {
    // Damaged: the other chunks still tell something.
    return []
  }
}
