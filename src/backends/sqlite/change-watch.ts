/** Notices that another connection has written to the database, so that its work is found long before the next regular look. */

import type { DatabaseSync } from 'node:sqlite'

/** Between two looks, in milliseconds. One look costs some microseconds. */
const LOOK_MS = 100

export interface ChangeWatch {
  stop(): void
}

/** Calls `changed` soon after a commit of another connection. Never keeps the process alive. */
export function watchChanges(db: DatabaseSync, changed: () => void): ChangeWatch {
  // Grows with the commits of other connections, not with our own. Source: sqlite.org/pragma.html#pragma_data_version
  const dataVersion = db.prepare('PRAGMA data_version')
  let known: unknown
  const look = (): void => {
    try {
      const { data_version: version } = dataVersion.get() as { data_version: number }
      if (known !== undefined && version !== known) changed()
      known = version
    } catch {
      // Locked at this moment, or out of order: the calls that matter say so.
    }
  }
  look()
  const timer = setInterval(look, LOOK_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
