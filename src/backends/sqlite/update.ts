/** Replacing states and appending logs: each patch refused unless the stored owner and fence are the writer's. */

import type { DatabaseSync } from 'node:sqlite'
import { isTerminal } from '../../task/status.ts'
import { answersTo, type PatchResult } from '../answer.ts'
import type { LogPatch, StatePatch, StoredLogs, WriteResult } from '../backend.ts'
import type { LogLine } from '../../task/record.ts'
import { dueLaterAt } from '../due.ts'
import type { Counts } from './counts.ts'
import { heldNumber, stateText, statusNumber } from '../state-text.ts'
import {
  createPlainPatches,
  endedAtOf,
  isLikePatch,
  isPlainPatch,
  PLAIN_PATCHES,
} from './plain-patches.ts'

/** Runs in a transaction. */
export interface Update {
  states(patches: readonly StatePatch[]): readonly WriteResult[]
  logs(patches: readonly LogPatch[]): readonly WriteResult[]
  storedLogs(id: string): StoredLogs
}

interface TaskRow {
  readonly status: number
  readonly fence: number
  readonly owner: number | null
  readonly state: string
}

export function createUpdate(
  db: DatabaseSync,
  counts: Counts,
  ownerNumber: (executorId: string) => number,
): Update {
  // Without `owner` and `ended_at` in it, no index changes.
  const keepOwner =
    db.prepare(`UPDATE tasks SET status = ?, fence = ?, held = ?, due_at = ?, state = ?
    WHERE seq = ? AND owner = ? AND fence = ? AND (cancel IS NULL OR ? = 0)`)
  const changeOwner = db.prepare(`UPDATE tasks
    SET status = ?, fence = ?, held = ?, due_at = ?, state = ?, owner = ?, ended_at = ?
    WHERE seq = ? AND owner = ? AND fence = ? AND (cancel IS NULL OR ? = 0)`)
  const select = db.prepare('SELECT status, fence, owner, state FROM tasks WHERE seq = ?')
  const freeKey = db.prepare(
    'DELETE FROM keys WHERE key = (SELECT key FROM tasks WHERE seq = ?) AND seq = ?',
  )
  const addChunk = db.prepare(`INSERT OR IGNORE INTO logs (seq, fence, chunk, dropped, lines)
    SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM tasks WHERE seq = ? AND owner = ? AND fence = ?)`)
  const hasChunk = db.prepare('SELECT 1 FROM logs WHERE seq = ? AND fence = ? AND chunk = ?')
  const setProgress = db.prepare(
    'UPDATE tasks SET progress = ? WHERE seq = ? AND owner = ? AND fence = ?',
  )
  const chunks = db.prepare(`SELECT fence, lines, dropped FROM logs
    WHERE seq = (SELECT seq FROM tasks WHERE id = ?) ORDER BY fence, chunk`)

  const plainPatches = createPlainPatches(db)

  function replace(patch: StatePatch): PatchResult {
    const { position, fence, state } = patch
    const writer = ownerNumber(patch.owner)
    const status = statusNumber(state.status)
    const held = heldNumber(state)
    const dueAt = dueLaterAt(state) ?? null
    const text = stateText(state)
    const unlessCancelled = patch.unlessCancelled === true ? 1 : 0
    const endedAt = endedAtOf(state)
    let result
    if (state.owner === patch.owner) {
      result = keepOwner.run(
        status,
        state.fence,
        held,
        dueAt,
        text,
        position,
        writer,
        fence,
        unlessCancelled,
      )
    } else {
      const owner = state.owner === null ? null : ownerNumber(state.owner)
      result = changeOwner.run(
        status,
        state.fence,
        held,
        dueAt,
        text,
        owner,
        endedAt,
        position,
        writer,
        fence,
        unlessCancelled,
      )
    }
    if (result.changes === 0) return unwritten(patch)
    if (endedAt !== null) counts.add(status, 1)
    if (patch.freesKey) freeKey.run(position, position)
    return 'ok'
  }

  /** Why a patch was not written just now. */
  function unwritten({ position, fence, state, owner }: StatePatch): PatchResult {
    const row = select.get(position) as TaskRow | undefined
    if (row === undefined) return 'stale'
    const isRepeat =
      row.status === statusNumber(state.status) &&
      row.fence === state.fence &&
      row.owner === (state.owner === null ? null : ownerNumber(state.owner)) &&
      row.state === stateText(state)
    if (isRepeat) return 'again'
    // Nothing but the cancel can have been in its way.
    return row.owner === ownerNumber(owner) && row.fence === fence ? 'cancelled' : 'stale'
  }

  function replaceAll(patches: readonly StatePatch[]): readonly PatchResult[] {
    const results: PatchResult[] = []
    for (let at = 0; at < patches.length; at += PLAIN_PATCHES) {
      const some = patches.slice(at, at + PLAIN_PATCHES)
      results.push(...(together(some) ?? some.map(replace)))
    }
    return results
  }

  /** Plain patches by one statement; `undefined`, with nothing done, when each needs one of its own. */
  function together(patches: readonly StatePatch[]): readonly PatchResult[] | undefined {
    const [head] = patches
    if (head === undefined || patches.length !== PLAIN_PATCHES) return undefined
    if (!patches.every((patch) => isPlainPatch(patch) && isLikePatch(head, patch))) return undefined
    const written = plainPatches.write(patches, ownerNumber(head.owner))
    const { status } = head.state
    if (isTerminal(status)) counts.add(statusNumber(status), written)
    if (written === patches.length) return patches.map(() => 'ok')
    // What was written just now looks as if it had been before; the answer is the same.
    return patches.map(unwritten)
  }

  function append(patch: LogPatch): WriteResult {
    const { position, fence, chunk, dropped, lines, progress } = patch
    const owner = ownerNumber(patch.owner)
    if (progress !== undefined) {
      const { changes } = setProgress.run(JSON.stringify(progress), position, owner, fence)
      if (changes === 1 && lines.length === 0 && dropped === 0) return 'ok'
    }
    const text = JSON.stringify(lines)
    const { changes } = addChunk.run(position, fence, chunk, dropped, text, position, owner, fence)
    if (changes === 1) return 'ok'
    return hasChunk.get(position, fence, chunk) === undefined ? 'stale' : 'ok'
  }

  return {
    states: (patches) => answersTo(patches, replaceAll(patches)),

    logs: (patches) => patches.map(append),

    storedLogs(id) {
      const rows = chunks.all(id) as unknown as { fence: number; lines: string; dropped: number }[]
      // Each chunk counts from the beginning of its fence.
      const lastOfFences = rows.filter((row, index) => row.fence !== rows[index + 1]?.fence)
      return {
        lines: rows.flatMap((row) => linesFrom(row.lines)),
        dropped: lastOfFences.reduce((sum, row) => sum + row.dropped, 0),
      }
    },
  }
}

function linesFrom(text: string): LogLine[] {
  try {
    return JSON.parse(text) as LogLine[]
  } catch {
    // Damaged: the other chunks still tell something.
    return []
  }
}
