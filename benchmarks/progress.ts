/** Says on stderr how far a subject is. */

import type { Progress } from './rounds.ts'

const EVERY_MS = 15_000

export interface ProgressLine {
  tell(at: Progress): void
  end(): void
}

/** On a terminal one line that changes, elsewhere a line now and then. */
export function progressLine(name: string): ProgressLine {
  const { stderr } = process
  const startedAt = performance.now()
  let toldAt = startedAt
  return {
    tell({ round, rounds, case: current }) {
      const now = performance.now()
      const seconds = Math.round((now - startedAt) / 1_000)
      const text = `${name}: round ${round} of ${rounds}, ${seconds} s: ${current}`
      if (stderr.isTTY) stderr.write(`\r\u001b[K${text.slice(0, (stderr.columns ?? 80) - 1)}`)
      else if (now - toldAt >= EVERY_MS) {
        toldAt = now
        stderr.write(`${text}\n`)
      }
    },
    end() {
      if (stderr.isTTY) stderr.write('\r\u001b[K')
    },
  }
}
