/** Moves a file out of the way: `log` becomes `log.1`, `log.1` becomes `log.2`, and so on. */

import {
  closeSync,
  existsSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs'

/** A lock that is older than this belongs to nobody: rotating takes no time. */
const STALE_LOCK_MS = 10_000

/**
 * Rotates `path` if `isDue` still says so when the lock is held, and keeps `keep` old files. Where another process
 * holds the lock nothing happens: it is rotating.
 *
 * Names are only taken by files that were the next in line, so that a process that dies in the middle leaves a gap, which
 * the next rotation fills; no file is removed but the one that there are too many of.
 */
export function rotate(path: string, keep: number, isDue: (stats: BigIntStats) => boolean): void {
  const lock = `${path}.lock`
  if (!takeLock(lock)) return
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stats === undefined || !isDue(stats)) return
    let free = 1
    while (free < keep && existsSync(`${path}.${free}`)) free++
    for (let number = free; number > 1; number--) {
      renameSync(`${path}.${number - 1}`, `${path}.${number}`)
    }
    renameSync(path, `${path}.1`)
  } finally {
    unlinkSync(lock)
  }
}

function takeLock(lock: string): boolean {
  for (let tries = 0; tries < 2; tries++) {
    try {
      closeSync(openSync(lock, 'wx'))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const stats = statSync(lock, { throwIfNoEntry: false })
      // Given back just now. Who has it next is rotating: nothing of theirs is to be stolen.
      if (stats === undefined) continue
      // One from the future is as old: the clock was set back.
      if (Math.abs(Date.now() - stats.mtimeMs) < STALE_LOCK_MS) return false
      // Its holder died. Moved away first: of two processes that see this, one succeeds.
      stealLock(lock)
    }
  }
  return false
}

function stealLock(lock: string): void {
  const stolen = `${lock}.${process.pid}`
  try {
    renameSync(lock, stolen)
    unlinkSync(stolen)
  } catch {
    // Another process was faster.
  }
}
