/** Whether the files at the path are still those that were opened: SQLite goes on writing to a deleted one. */

import { statSync } from 'node:fs'

/** Answers what is wrong, and what to do; `undefined` when nothing is. Asks the system each time (2 µs). */
export type FileWatch = () => string | undefined

/** How often the log beside the database is looked at: nobody deletes it without the other, as a rule. */
const LOG_INTERVAL_MS = 1_000

/** Watches what lies at `path` now. Never opens it: closing it again would drop SQLite's locks in this process. */
export function watchFile(path: string): FileWatch {
  const logPath = `${path}-wal`
  const opened = identity(path)
  let openedLog = identity(logPath)
  let logAt = performance.now()

  return () => {
    const found = identity(path)
    if (differs(opened, found)) {
      return (
        `${path} was ${fate(found)} while it was open. Move that very file back, and work goes on; or stop every ` +
        'program that uses it, put a backup in its place, and start them again'
      )
    }
    const now = performance.now()
    if (now - logAt < LOG_INTERVAL_MS) return undefined
    const log = identity(logPath)
    // The first transaction makes it.
    if (openedLog === 'none') openedLog = log
    if (differs(openedLog, log)) {
      return (
        `${logPath}, a part of the database, was ${fate(log)} while it was open. Stop every program that uses the ` +
        'database, then start them again: at its end each saves what that file held'
      )
    }
    logAt = now
    return undefined
  }
}

function differs(opened: string, found: string): boolean {
  return found !== opened && opened !== 'unknown' && found !== 'unknown'
}

function fate(found: string): string {
  return found === 'none' ? 'deleted or moved away' : 'replaced by another file'
}

/** Which file it is, whatever its name; `none` when there is none, `unknown` where the system cannot tell. */
function identity(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'none'
    return stats.ino === 0 ? 'unknown' : `${stats.dev}:${stats.ino}`
  } catch {
    return 'unknown'
  }
}
