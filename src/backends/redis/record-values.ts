/** A record as the values that the script keeps, and back. */

import type { NewRecord } from '../backend.ts'
import { dueLaterAt } from '../due.ts'
import { headFrom, specFrom, specText, tagText } from '../spec-text.ts'
import { stateFrom, stateText, statusNumber } from '../state-text.ts'
import type {
  CancelRequest,
  Progress,
  StoredRecord,
  TaskSpec,
  TaskState,
} from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import { EMPTY_MAP, type Tags } from '../../task/tags.ts'

/** Position, spec, state, progress, cancel request, retried by. */
const VALUES_PER_RECORD = 6

/** What of a record differs from place to place: whose names and times these are. */
export interface Reading {
  /** The owner that a token stands for. */
  readonly ownerOf: (token: string) => string
  /** This machine's time of an instant of the server. */
  readonly localTime: (serverTime: number) => number
}

export function specValue(spec: TaskSpec): string {
  const { id, parentId = '', name, queue, priority, createdAt } = spec
  return `${id} ${parentId} ${name} ${queue} ${priority} ${createdAt}\n${tagLines(spec.tags).join('\t')}\n${specText(spec)}`
}

/** The tags as their index has them. JSON has no raw tabs and ends of lines. */
export function tagLines(tags: Tags): readonly string[] {
  if (tags === EMPTY_MAP) return NONE
  return Object.entries(tags).map(([key, value]) => tagText(key, value))
}

const NONE: readonly string[] = []

/** `token` is that of `state.owner`; empty for none. */
export function stateValue(state: TaskState, token: string): string {
  return `${statusNumber(state.status)}${token} ${state.fence} ${markOf(state)} ${stateText(state)}`
}

function markOf(state: TaskState): string {
  if (isTerminal(state.status)) return `${state.endedAt ?? 0}`
  if (state.hold !== undefined) return 'h'
  const dueAt = dueLaterAt(state)
  return dueAt === undefined ? '' : `@${dueAt}`
}

/** When an unowned record can be claimed: from then on, at once if empty; `undefined` when it cannot. */
export function claimableFrom(state: TaskState): string | undefined {
  if (state.owner !== null || state.hold !== undefined || isTerminal(state.status)) return undefined
  const dueAt = dueLaterAt(state)
  return dueAt === undefined ? '' : `${dueAt}`
}

/** All records of a reply. One that is no record at all is left out. */
export function recordsFrom(values: readonly unknown[], reading: Reading): StoredRecord[] {
  const records: StoredRecord[] = []
  for (let index = 0; index < values.length; index += VALUES_PER_RECORD) {
    const record = recordFrom(values, index, reading)
    if (record !== undefined) records.push(record)
  }
  return records
}

function recordFrom(
  values: readonly unknown[],
  index: number,
  reading: Reading,
): StoredRecord | undefined {
  const [position, spec, state, progress, cancel, retriedBy] = values.slice(
    index,
    index + VALUES_PER_RECORD,
  ) as [number | string, string, string, string | null, string | null, string | null]
  const head = SPEC_HEAD.exec(spec)
  const stateHead = STATE_HEAD.exec(state)
  if (head === null || stateHead === null) return undefined
  const [, id = '', parentId = '', name = '', queue = '', priority, createdAt, tags = ''] = head
  const columns = {
    id,
    name,
    queue,
    priority: Number(priority),
    created_at: Number(createdAt),
    parent_id: parentId === '' ? null : parentId,
    tags: null,
  }
  const [, digit, token = '', fence, mark = ''] = stateHead
  const ended = /^[\d.e+-]+$/.test(mark) ? Number(mark) : null
  const stateColumns = { status: Number(digit), fence: Number(fence), ended_at: ended }
  const owner = token === '' ? null : reading.ownerOf(token)
  const place = { position: Number(position) }
  try {
    const itsTags = tags === '' ? EMPTY_MAP : headFrom<Tags>(`{${tags.replaceAll('\t', ',')}}`)
    const itsState = stateFrom(stateColumns, owner, state.slice(stateHead[0].length))
    const dueAt = reading.localTime(itsState.dueAt)
    return {
      spec: { ...specFrom(columns, spec.slice(head[0].length)), tags: itsTags },
      state: dueAt === itsState.dueAt ? itsState : { ...itsState, dueAt },
      ...place,
      progress: progress === null ? undefined : (JSON.parse(progress) as Progress),
      cancelRequest: cancel === null ? undefined : cancelFrom(cancel),
      retriedBy: retriedBy ?? undefined,
    }
  } catch {
    // Damaged: what can be read of it, and an input that is no JSON. So it holds up no other record, and ends as
    // `corrupt` when it is its turn to run.
    return {
      spec: specFrom(columns, '{}\n'),
      state: stateFrom(stateColumns, owner, `{"dueAt":${columns.created_at}}`),
      ...place,
    }
  }
}

const SPEC_HEAD = /^(\S+) (\S*) (\S+) (\S+) (\S+) (\S+)\n([^\n]*)\n/
const STATE_HEAD = /^(\d)(\S*) (\d+) (\S*) /

export function cancelFrom(text: string): CancelRequest {
  try {
    return JSON.parse(text) as CancelRequest
  } catch {
    // Damaged: it was asked for, whoever it was.
    return {}
  }
}

/** The record's place among the others of its kind: `digit owner name queue`. */
export function classOf({ spec, state }: NewRecord, token: string): string {
  return `${statusNumber(state.status)} ${token} ${spec.name} ${spec.queue}`
}
