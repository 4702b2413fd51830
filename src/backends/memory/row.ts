/** One record as the memory backend holds it: four words for the common case, the rest only where there is one. */

import type {
  CancelRequest,
  LogLine,
  Progress,
  StoredRecord,
  TaskSpec,
  TaskState,
} from '../../task/record.ts'
import type { LogPatch } from '../backend.ts'

// A class: literals of a place whose objects live long are made in the old generation by V8, where each one that goes waits
// for a full collection.
export class Row {
  readonly position: number
  readonly spec: TaskSpec
  state: TaskState
  extras: RowExtras | undefined = undefined

  constructor(position: number, spec: TaskSpec, state: TaskState) {
    this.position = position
    this.spec = spec
    this.state = state
  }
}

/** What most records never have. */
export interface RowExtras {
  progress: Progress | undefined
  cancelRequest: CancelRequest | undefined
  /** The fence after a cancel took the record for its caller: repeating that call answers the same. */
  cancelFence: number
  retriedBy: string | undefined
  readonly lines: LogLine[]
  /** Lines left out under earlier fences, and under `chunkFence`. */
  droppedBefore: number
  dropped: number
  /** The fence that `chunks` counts for. */
  chunkFence: number
  chunks: number
  /** How many chunks each earlier fence has, if there was one. */
  earlierChunks: Map<number, number> | undefined
}

export function extrasOf(row: Row): RowExtras {
  return (row.extras ??= {
    progress: undefined,
    cancelRequest: undefined,
    cancelFence: -1,
    retriedBy: undefined,
    lines: [],
    droppedBefore: 0,
    dropped: 0,
    chunkFence: -1,
    chunks: 0,
    earlierChunks: undefined,
  })
}

/** A snapshot of the row: rows change in place, answers do not. */
export function snapshot(row: Row): StoredRecord {
  const { position, spec, state, extras } = row
  if (extras === undefined) return { spec, state, position }
  const { progress, cancelRequest, retriedBy } = extras
  return { spec, state, position, progress, cancelRequest, retriedBy }
}

/** Whether this chunk of lines is stored already. */
export function hasChunk(row: Row, patch: LogPatch): boolean {
  const { extras } = row
  if (extras === undefined || patch.fence > extras.chunkFence) return false
  const isLatest = patch.fence === extras.chunkFence
  return patch.chunk < (isLatest ? extras.chunks : (extras.earlierChunks?.get(patch.fence) ?? 0))
}

/** Stores a chunk. Lines are copied: the caller's array may be one that it uses again. */
export function addChunk(row: Row, patch: LogPatch): void {
  const extras = extrasOf(row)
  for (const line of patch.lines) extras.lines.push(line)
  if (patch.fence !== extras.chunkFence) {
    extras.droppedBefore += extras.dropped
    if (extras.chunks > 0) {
      extras.earlierChunks ??= new Map()
      extras.earlierChunks.set(extras.chunkFence, extras.chunks)
    }
  }
  extras.dropped = patch.dropped
  extras.chunkFence = patch.fence
  extras.chunks = patch.chunk + 1
  if (patch.progress !== undefined) extras.progress = patch.progress
}
