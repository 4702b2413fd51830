/** Retention: removes finished records with all that hangs on them. Runs in a transaction. */

import type { DatabaseSync } from 'node:sqlite'
import type { Retention } from '../backend.ts'

export type Sweep = (retention: Retention) => number

interface Victim {
  readonly seq: number
  readonly key: string | null
  readonly is_inline: number
  readonly cancel: string | null
}

export function createSweep(db: DatabaseSync): Sweep {
  const VICTIM = 'seq, key, cancel, spec IS NOT NULL AS is_inline'
  const oldest = db.prepare(`SELECT ${VICTIM} FROM tasks
    WHERE ended_at IS NOT NULL ORDER BY ended_at, seq LIMIT ?`)
  const ended = db.prepare(`SELECT ${VICTIM} FROM tasks
    WHERE ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at, seq LIMIT ?`)
  const count = db.prepare('SELECT count(*) AS count FROM tasks WHERE ended_at IS NOT NULL')
  const removeTask = db.prepare('DELETE FROM tasks WHERE seq = ?')
  const removeLogs = db.prepare('DELETE FROM logs WHERE seq = ?')
  const removeSpec = db.prepare('DELETE FROM specs WHERE seq = ?')
  const removeCancel = db.prepare('DELETE FROM cancels WHERE seq = ?')
  const removeKey = db.prepare('DELETE FROM keys WHERE key = ? AND seq = ? AND held_until <= ?')
  const orphanKey = db.prepare('UPDATE keys SET orphan = 1 WHERE key = ? AND seq = ?')
  const expireKeys = db.prepare('DELETE FROM keys WHERE orphan = 1 AND held_until <= ?')
  const keepLastSeq = db.prepare(`UPDATE meta SET value = max(value, (SELECT max(seq) FROM tasks))
    WHERE key = 'lastSeq'`)

  function remove({ seq, key, cancel, is_inline: isInline }: Victim, now: number): void {
    removeTask.run(seq)
    removeLogs.run(seq)
    if (isInline === 0) removeSpec.run(seq)
    if (cancel !== null) removeCancel.run(seq)
    if (key === null) return
    removeKey.run(key, seq, now)
    orphanKey.run(key, seq)
  }

  return ({ endedBefore, maxFinished, limit, now }) => {
    expireKeys.run(now)
    const surplus = (count.get() as { count: number }).count - maxFinished
    const byCount = Math.min(limit, Math.max(0, surplus))
    const victims = ended.all(endedBefore, limit) as unknown as Victim[]
    // Both lists begin with the oldest: the longer one contains the other.
    const all = victims.length >= byCount ? victims : (oldest.all(byCount) as unknown as Victim[])
    if (all.length === 0) return 0
    // A removed record's position is never given again.
    keepLastSeq.run()
    for (const victim of all) remove(victim, now)
    return all.length
  }
}
