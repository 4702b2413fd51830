/** The library's one `exit` listener: there while somebody has something to write at the end, gone otherwise. */

const writers = new Set<() => void>()

/**
 * Calls `write` when the process ends: natural end, `process.exit`, uncaught exception; not on a signal that nobody
 * handles. `write` must be synchronous. The answer takes it back.
 */
export function atExit(write: () => void): () => void {
  if (writers.size === 0) process.on('exit', writeAll)
  writers.add(write)
  return () => {
    if (writers.delete(write) && writers.size === 0) process.off('exit', writeAll)
  }
}

function writeAll(): void {
  for (const write of writers) write()
}
