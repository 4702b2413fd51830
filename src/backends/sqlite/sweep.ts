/** Retention: removes finished records with all that hangs on them. Runs in a transaction. */

import type { DatabaseSync } from 'node:sqlite'
import { isTerminal, STATUSES } from '../../task/status.ts'
import type { Retention } from '../backend.ts'
import type { Counts } from './counts.ts'
import { tagText } from '../spec-text.ts'
import { statusNumber } from '../state-text.ts'

export type Sweep = (retention: Retention) => number

interface Ended {
  readonly seq: number
}

/** What a removed row tells about the rest of its record. */
interface Removed {
  readonly status: number
  readonly key: string | null
  readonly is_inline: number
  readonly cancel: string | null
  readonly tags: string | null
}

const TERMINAL = STATUSES.filter(isTerminal)

export function createSweep(db: DatabaseSync, counts: Counts): Sweep {
  // One part per status, merged as they are read: no more rows are looked at than are answered.
  const part = `SELECT seq, ended_at FROM tasks INDEXED BY tasks_ended
    WHERE ended_at IS NOT NULL AND status = ? AND ended_at < ?`
  const oldest = db.prepare(
    `${TERMINAL.map(() => part).join(' UNION ALL ')} ORDER BY ended_at, seq LIMIT ?`,
  )
  const removeTask = db.prepare(`DELETE FROM tasks WHERE seq = ?
    RETURNING status, key, spec IS NOT NULL AS is_inline, cancel, tags`)
  const removeLogs = db.prepare('DELETE FROM logs WHERE seq = ?')
  const removeSpec = db.prepare('DELETE FROM specs WHERE seq = ?')
  const removeTag = db.prepare('DELETE FROM tags WHERE tag = ? AND seq = ?')
  const removeCancel = db.prepare('DELETE FROM cancels WHERE seq = ?')
  const removeKey = db.prepare('DELETE FROM keys WHERE key = ? AND seq = ? AND held_until <= ?')
  const orphanKey = db.prepare('UPDATE keys SET orphan = 1 WHERE key = ? AND seq = ?')
  // Most sweeps find nothing to do, and these say so at a tenth of the cost.
  const hasExpired = db.prepare(
    `SELECT ${TERMINAL.map(() => `EXISTS (${part})`).join(' OR ')} AS has`,
  )
  const hasExpiredKeys = db.prepare(
    'SELECT EXISTS (SELECT 1 FROM keys WHERE orphan = 1 AND held_until <= ?) AS has',
  )
  const expireKeys = db.prepare(`DELETE FROM keys WHERE key IN
    (SELECT key FROM keys WHERE orphan = 1 AND held_until <= ? ORDER BY held_until LIMIT ?)`)
  const keepLastSeq = db.prepare(`UPDATE meta SET value = max(value, (SELECT max(seq) FROM tasks))
    WHERE key = 'lastSeq'`)

  function remove(seq: number, now: number): void {
    const row = removeTask.get(seq) as Removed | undefined
    if (row === undefined) return
    counts.add(row.status, -1)
    removeLogs.run(seq)
    if (row.is_inline === 0) removeSpec.run(seq)
    if (row.cancel !== null) removeCancel.run(seq)
    if (row.tags !== null) for (const tag of tagsOf(row.tags)) removeTag.run(tag, seq)
    if (row.key === null) return
    removeKey.run(row.key, seq, now)
    orphanKey.run(row.key, seq)
  }

  return ({ status = TERMINAL, endedBefore, maxFinished, limit, now }) => {
    if (isTrue(hasExpiredKeys.get(now))) expireKeys.run(now, limit)
    const numbers = [...new Set(status.filter(isTerminal))].map(statusNumber)
    const surplus = counts.of(numbers) - maxFinished
    const legsTo = (instant: number): number[] =>
      TERMINAL.flatMap((_, index) => [numbers[index] ?? -1, instant])
    if (surplus <= 0 && !isTrue(hasExpired.get(...legsTo(endedBefore)))) return 0
    const oldestBefore = (instant: number, count: number): readonly Ended[] =>
      oldest.all(...legsTo(instant), count) as unknown as Ended[]
    // Either are the oldest of all, so the longer list has the shorter in it.
    const expired = oldestBefore(endedBefore, limit)
    const count = Math.min(surplus, limit)
    const victims = expired.length >= count ? expired : oldestBefore(Infinity, count)
    if (victims.length === 0) return 0
    // A removed record's position is never given again.
    keepLastSeq.run()
    for (const { seq } of victims) remove(seq, now)
    return victims.length
  }
}

function isTrue(row: unknown): boolean {
  return (row as { has: number }).has === 1
}

function tagsOf(json: string): string[] {
  try {
    const tags = JSON.parse(json) as Record<string, string>
    return Object.entries(tags).map(([key, value]) => tagText(key, value))
  } catch {
    // Damaged: rows of `tags` that lead to no record find nothing.
    return []
  }
}
