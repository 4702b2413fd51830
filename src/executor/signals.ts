/** Closing on SIGTERM and SIGINT, when asked to. Other handlers stay, and are called as ever. */

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Calls `close` at the first signal. A second one ends the process as the system would. */
export function closeOnSignals(close: () => Promise<void>): () => void {
  let closing = false
  const handle = (signal: NodeJS.Signals): void => {
    if (closing) return
    closing = true
    const others = process.listenerCount(signal) > 1
    void close().then(() => {
      stop()
      // Alone, we took the signal's default away: give it back, so that the exit code is the signal's.
      if (!others) process.kill(process.pid, signal)
    })
    // From now on the default is in force again for a second signal, if we are alone.
    if (!others) stop()
  }
  const stop = (): void => {
    for (const signal of SIGNALS) process.removeListener(signal, handle)
  }
  for (const signal of SIGNALS) process.on(signal, handle)
  return stop
}
