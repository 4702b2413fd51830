/** How long something took, lately: a histogram of fixed size, into which a sample goes without an allocation. */

/** Samples of the last minute or so, in milliseconds. */
export interface LatencyStats {
  /** How many samples there are; 0 makes the others 0. */
  readonly count: number
  /** Half of them took at most this long, within 7 %. */
  readonly p50: number
  /** 99 of 100 took at most this long, within 7 %. */
  readonly p99: number
  readonly max: number
}

/** The window is so many slices; the oldest is emptied when a new one begins. */
const SLICES = 6
const SLICE_MS = 10_000
/** Buckets per doubling: a bucket's width is an eighth of where it begins, so its middle is within 7 %. */
const PER_DOUBLING = 8
/** From a microsecond (the first eight buckets are one each) to 2^40 of them, which are 12 days. */
const BUCKETS = PER_DOUBLING * (40 - 3 + 1)
const HALF = 2 ** 31

// A class with plain fields: it is on the way of every attempt.
export class Latency {
  readonly #counts = new Uint32Array(SLICES * BUCKETS)
  readonly #maxima = new Float64Array(SLICES)
  #slice = 0
  /** Of the monotonic clock: when the slice ends. */
  #untilMs = SLICE_MS

  /** Adds a sample that ended at `nowMs` of the monotonic clock. */
  add(tookMs: number, nowMs: number): void {
    // One that arrives after a later one counts with that.
    if (nowMs >= this.#untilMs) this.#moveTo(nowMs)
    const bucket = tookMs > 0 ? bucketOf(tookMs * 1_000) : 0
    const index = this.#slice * BUCKETS + bucket
    this.#counts[index] = (this.#counts[index] as number) + 1
    if (tookMs > (this.#maxima[this.#slice] as number)) this.#maxima[this.#slice] = tookMs
  }

  stats(nowMs: number): LatencyStats {
    if (nowMs >= this.#untilMs) this.#moveTo(nowMs)
    const sums = new Float64Array(BUCKETS)
    let count = 0
    for (const [index, some] of this.#counts.entries()) {
      count += some
      sums[index % BUCKETS] = (sums[index % BUCKETS] as number) + some
    }
    const max = Math.max(...this.#maxima)
    const percentile = (part: number): number => {
      let left = Math.ceil(count * part)
      for (let bucket = 0; bucket < BUCKETS && count > 0; bucket++) {
        left -= sums[bucket] as number
        if (left <= 0) return Math.min(max, middleOf(bucket) / 1_000)
      }
      return max
    }
    return { count, p50: percentile(0.5), p99: percentile(0.99), max }
  }

  // Empties the slices whose time has come again.
  #moveTo(nowMs: number): void {
    const before = this.#untilMs / SLICE_MS - 1
    const now = Math.floor(nowMs / SLICE_MS)
    for (let at = Math.max(before + 1, now - SLICES + 1); at <= now; at++) {
      const stale = at % SLICES
      this.#counts.fill(0, stale * BUCKETS, (stale + 1) * BUCKETS)
      this.#maxima[stale] = 0
    }
    this.#untilMs = (now + 1) * SLICE_MS
    this.#slice = now % SLICES
  }
}

function bucketOf(microseconds: number): number {
  const whole = Math.round(microseconds)
  if (whole < PER_DOUBLING) return whole
  // Shifts work on 31 bits: what is longer is looked at in units of 1,024.
  const isLong = whole >= HALF
  const small = isLong ? Math.min(HALF - 1, Math.floor(whole / 1_024)) : whole
  const exponent = 31 - Math.clz32(small)
  const eighth = (small >> (exponent - 3)) & 7
  const bucket = (exponent - 3 + (isLong ? 10 : 0) + 1) * PER_DOUBLING + eighth
  return bucket < BUCKETS ? bucket : BUCKETS - 1
}

function middleOf(bucket: number): number {
  if (bucket < PER_DOUBLING) return bucket
  const width = 2 ** (Math.floor(bucket / PER_DOUBLING) - 1)
  return width * (PER_DOUBLING + (bucket % PER_DOUBLING)) + (width - 1) / 2
}
