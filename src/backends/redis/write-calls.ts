/** The calls on every task's way: inserts, updates and appends, as arguments of the script, and their answers. */

import { answersTo, type PatchResult } from '../answer.ts'
import type {
  InsertResult,
  LogPatch,
  NewRecord,
  RecordKey,
  StatePatch,
  WriteResult,
} from '../backend.ts'
import { keyHash } from '../key-hash.ts'
import type { TaskSpec, TaskState } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import { EMPTY_MAP } from '../../task/tags.ts'
import type { Call } from './block.ts'
import { claimableFrom, classOf, specValue, stateValue, tagLines } from './record-values.ts'

/** What an insert and an update have to know of this backend. */
export interface Writing {
  /** The token of an executor that has opened it. */
  readonly tokenOf: (executorId: string, operation: string) => string
  /** `state` with its due time in that of the server. */
  readonly forServer: (state: TaskState) => TaskState
  /** Specs that were sent before: what tells a repeated insert from another record of the same id. */
  readonly given: WeakSet<TaskSpec>
  /** What was sent of states whose answer was lost: a repeat says the same, whatever the clocks do. */
  readonly sent: WeakMap<TaskState, string>
}

export function insertCall(records: readonly NewRecord[], writing: Writing): Call {
  const args = [`${records.length}`]
  let characters = 0
  let asks = false
  let createdFrom = Infinity
  let createdTo = -Infinity
  for (const record of records) {
    const { spec } = record
    const state = writing.forServer(record.state)
    const token = state.owner === null ? '' : writing.tokenOf(state.owner, 'insert')
    const specText = specValue(spec)
    const stateText = stateValue(state, token)
    const isGiven = writing.given.has(spec)
    const more = moreOf(record, state, isGiven)
    args.push(spec.id, classOf(record, token), specText, stateText, more)
    characters += specText.length + stateText.length + more.length
    asks ||= record.key !== undefined || spec.retryOf !== undefined
    createdFrom = Math.min(createdFrom, spec.createdAt)
    createdTo = Math.max(createdTo, spec.createdAt)
  }
  // After all of them: a record that is twice in one call is there twice.
  for (const { spec } of records) writing.given.add(spec)
  const count = records.length
  const call = { operation: 'insert', kind: 'insert', args, count, weight: count } as const
  return { ...call, characters, asks, createdFrom, createdTo }
}

function moreOf(record: NewRecord, state: TaskState, isGiven: boolean): string {
  const { spec, key } = record
  const flag = isGiven ? 'r' : '-'
  const claimable = claimableFrom(state)
  const isPlain =
    key === undefined &&
    claimable === undefined &&
    spec.tags === EMPTY_MAP &&
    spec.parentId === undefined &&
    spec.retryOf === undefined &&
    !isTerminal(state.status)
  if (isPlain) return isGiven ? 'r' : ''
  const lines = [
    claimable === undefined ? '' : `${claimable} ${spec.priority}`,
    isTerminal(state.status) ? `${state.endedAt ?? 0}` : '',
    spec.parentId ?? '',
    ...keyLines(spec, key),
    spec.retryOf ?? '',
    record.mayRetryAgain === true ? '1' : '',
    `${spec.createdAt}`,
    ...tagLines(spec.tags),
  ]
  return `${flag}\n${lines.join('\n')}\n`
}

function keyLines(spec: TaskSpec, key: RecordKey | undefined): readonly string[] {
  if (key === undefined) return ['', '', '', '']
  const { inputHash, heldUntil, takeOverFrom = '' } = key
  const until = heldUntil === Infinity ? 'inf' : `${heldUntil}`
  return [keyHash(spec.name, key.key), inputHash, until, takeOverFrom]
}

/** The answers of an insert; the token whose registration is gone, when it was refused for that. */
export function insertResults(
  reply: unknown,
  records: readonly NewRecord[],
  writing: Writing,
): readonly InsertResult[] | string {
  if (typeof reply === 'number') {
    return records.map((_, index) => ({ type: 'inserted', position: reply + index }))
  }
  if (typeof reply === 'string') {
    for (const { spec } of records) writing.given.delete(spec)
    return reply.slice(1)
  }
  return (reply as readonly (number | string)[]).map((answer, index) => {
    if (typeof answer === 'number') {
      if (answer === -1) forget(records[index], writing)
      return { type: 'inserted', position: answer }
    }
    forget(records[index], writing)
    switch (answer[0]) {
      case 'E':
        return { type: 'existing', id: answer.slice(2), sameInput: answer[1] === '1' }
      case 'R':
        return { type: 'retried', id: answer.slice(1) }
      default:
        return { type: 'duplicate', id: answer.slice(1) }
    }
  })
}

/** It did not go in: what has its id is another one. */
function forget(record: NewRecord | undefined, { given }: Writing): void {
  if (record !== undefined) given.delete(record.spec)
}

export function updateCall(patches: readonly StatePatch[], writing: Writing): Call {
  const args: string[] = []
  let characters = 0
  let frees = false
  let unlessCancelled = false
  for (const patch of patches) {
    const token = writing.tokenOf(patch.owner, 'update')
    const state = writing.forServer(patch.state)
    const { owner } = state
    const next =
      owner === null ? '' : owner === patch.owner ? token : writing.tokenOf(owner, 'update')
    const text = writing.sent.get(patch.state) ?? stateValue(state, next)
    args.push(`${patch.position}`, `${token} ${patch.fence} `, text, kindOf(patch, state, next))
    characters += text.length
    frees ||= patch.freesKey
    unlessCancelled ||= patch.unlessCancelled === true
  }
  const count = patches.length
  const call = { operation: 'update', kind: 'update', args, count, weight: count } as const
  return { ...call, characters, frees, unlessCancelled }
}

function kindOf(patch: StatePatch, state: TaskState, next: string): string {
  const flags = (patch.unlessCancelled === true ? 1 : 0) + (patch.freesKey ? 2 : 0)
  if (state.owner === patch.owner) return `${flags}k`
  if (state.owner !== null) return `${flags}o${next}`
  if (isTerminal(state.status)) return `${flags}e${state.endedAt ?? 0}`
  const claimable = claimableFrom(state)
  return claimable === undefined ? `${flags}h` : `${flags}f${claimable}`
}

/** The answer was lost: says the same once more, should it be repeated. */
export function keepSent(call: Call, patches: readonly StatePatch[], writing: Writing): void {
  for (const [index, { state }] of patches.entries()) {
    const text = call.args[4 * index + 2]
    if (text !== undefined) writing.sent.set(state, text)
  }
}

const MARKS: Readonly<Record<string, PatchResult>> = {
  o: 'ok',
  a: 'again',
  s: 'stale',
  c: 'cancelled',
}
const ONE: Readonly<Record<string, readonly WriteResult[]>> = {
  o: ['ok'],
  a: ['ok'],
  s: ['stale'],
  c: ['cancelled'],
}

export function updateResults(
  marks: string,
  patches: readonly StatePatch[],
): readonly WriteResult[] {
  if (marks.length === 1) return ONE[marks] ?? ['stale']
  const results = Array.from(marks, (mark): PatchResult => MARKS[mark] ?? 'stale')
  return answersTo(patches, results)
}

export function appendCall(patches: readonly LogPatch[], writing: Writing): Call {
  const args: string[] = []
  let characters = 0
  for (const { position, owner, fence, chunk, dropped, lines, progress } of patches) {
    const text = lines.length === 0 ? '' : JSON.stringify(lines)
    const progressText = progress === undefined ? '' : JSON.stringify(progress)
    args.push(`${position}`, `${writing.tokenOf(owner, 'append')} ${fence} `, `${fence} ${chunk}`)
    args.push(`${dropped}`, text, progressText)
    characters += text.length
  }
  const count = patches.length
  return { operation: 'append', kind: 'append', args, count, weight: count, characters }
}

export function appendResults(marks: string): readonly WriteResult[] {
  return Array.from(marks, (mark) => (mark === 'o' ? 'ok' : 'stale'))
}
