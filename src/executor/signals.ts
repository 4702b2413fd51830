/** Closing on SIGTERM and SIGINT, when asked to. Other handlers stay, and are called as ever. */

type Close = () => Promise<void>

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Those of this process that wait for a signal: one handler per signal serves them all. */
let waiting = new Set<Close>()
/** The signal that ends the process as soon as `closing` are closed, when it has no other handlers. */
let ending: { readonly signal: NodeJS.Signals; closing: number } | undefined

/**
 * Calls `close` at the first signal. When all that were to be closed are, the process ends by that signal, unless
 * others handle it; a second signal ends it as the system would. What is returned deregisters, until there is a signal.
 */
export function closeOnSignals(close: Close): () => void {
  if (ending !== undefined) {
    // Opened while the process ends: closed with the others, and waited for like them.
    closeAtEnd(close, ending)
    return () => {}
  }
  // Before others: those that were added with `once` are still counted.
  if (waiting.size === 0) for (const signal of SIGNALS) process.prependListener(signal, handle)
  waiting.add(close)
  return () => {
    if (waiting.delete(close) && waiting.size === 0) stopListening()
  }
}

function handle(signal: NodeJS.Signals): void {
  const isAlone = process.listenerCount(signal) === 1
  // For a second signal things are as they would be without us.
  stopListening()
  const all = waiting
  waiting = new Set()
  const end = { signal, closing: 0 }
  // Alone, we took the signal's default away: it is given back, so that the exit code is the signal's.
  if (isAlone) ending = end
  for (const close of all) closeAtEnd(close, end)
}

function closeAtEnd(close: Close, end: { readonly signal: NodeJS.Signals; closing: number }): void {
  end.closing += 1
  const closed = (): void => {
    end.closing -= 1
    if (end.closing > 0 || end !== ending) return
    ending = undefined
    if (process.listenerCount(end.signal) === 0) process.kill(process.pid, end.signal)
  }
  // After the other handlers: what they still do to an executor comes first.
  Promise.resolve().then(close).then(closed, closed)
}

function stopListening(): void {
  for (const signal of SIGNALS) process.removeListener(signal, handle)
}
