/** Whether beats get through: while ours do not, those of others may not either, and their silence proves nothing. */

export interface Beats {
  failed(): void
  succeeded(): void
  /** For how long, in milliseconds, whoever lives has been able to say so; `Infinity` when it always was. */
  possibleForMs(): number
}

export function createBeats(): Beats {
  let isFailing = false
  let possibleSince = -Infinity

  return {
    failed() {
      isFailing = true
    },
    succeeded() {
      if (!isFailing) return
      isFailing = false
      possibleSince = performance.now()
    },
    possibleForMs: () => (isFailing ? 0 : performance.now() - possibleSince),
  }
}
