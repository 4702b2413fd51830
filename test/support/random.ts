/** Random numbers that come again: the same seed, the same sequence. */

export interface Random {
  /** From 0 up to, not including, 1. */
  (): number
  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
}

/** Source: mulberry32, T. Ettinger, public domain. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return Object.assign(next, {
    below,
    pick: <T>(list: readonly T[]): T => list[below(list.length)] as T,
  })
}

/** `CHAOS_SEED` repeats an earlier run; otherwise another seed each time, to be printed with a failure. */
export function chosenSeed(): number {
  const given = Number(process.env['CHAOS_SEED'])
  return Number.isSafeInteger(given) && given > 0
    ? given
    : Math.floor(Math.random() * 0x7fff_ffff) + 1
}
