/**
 * Process warnings: too many listeners, a timeout that overflows, a deprecated call. A user would see each of them in their
 * own log, so one is as bad as a failure.
 */

/** `node:sqlite` says that it is experimental on some versions of Node. */
const ALLOWED: ReadonlySet<string> = new Set(['ExperimentalWarning'])

export interface ProcessWarnings {
  /** What has come since the last call, one line each. */
  take(): readonly string[]
  stop(): void
}

/** Collects the warnings of this process. */
export function collectWarnings(): ProcessWarnings {
  let seen: string[] = []
  const onWarning = (warning: Error): void => {
    if (!ALLOWED.has(warning.name)) seen.push(`process warning ${warning.stack ?? warning.message}`)
  }
  process.on('warning', onWarning)
  return {
    take() {
      const taken = seen
      seen = []
      return taken
    },
    stop: () => void process.off('warning', onWarning),
  }
}
