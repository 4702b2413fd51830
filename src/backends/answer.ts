/** What an update answers when it is repeated. */

import type { StatePatch, WriteResult } from './backend.ts'

/** What became of one patch; `again`: it was applied before. */
export type PatchResult = WriteResult | 'again'

/**
 * The answers to the patches of one call. A patch that a later one of the same call has overtaken was applied before
 * if that one was: its record is past it, and a repeat still answers as the first did.
 */
export function answersTo(
  patches: readonly StatePatch[],
  results: readonly PatchResult[],
): readonly WriteResult[] {
  return results.map((result, index) => {
    if (result === 'cancelled') return 'cancelled'
    if (result !== 'stale') return 'ok'
    const patch = patches[index]
    for (let later = index + 1; later < results.length; later++) {
      if (results[later] === 'again' && follows(patches[later], patch)) return 'ok'
    }
    return 'stale'
  })
}

function follows(later: StatePatch | undefined, patch: StatePatch | undefined): boolean {
  return (
    later !== undefined &&
    later.position === patch?.position &&
    later.owner === patch.owner &&
    later.owner === patch.state.owner &&
    later.fence >= patch.state.fence
  )
}
