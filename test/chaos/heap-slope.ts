/** How much the heap grows with what is done: the judgement of the soaks. */

export const MIB = 1_048_576
/** Of all points the last ones count; those before are warming up. */
export const POINTS_OF_SLOPE = 8

export interface HeapSample {
  /** Tasks (or lines) so far, those that warmed it up included. */
  readonly done: number
  /** Heap, external memory and array buffers, after two collections. */
  readonly bytes: number
}

/** Least squares over the points that count: bytes for each that was done. */
export function heapSlope(all: readonly HeapSample[]): number {
  const samples = all.slice(-POINTS_OF_SLOPE)
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const meanDone = mean(samples.map(({ done }) => done))
  const meanBytes = mean(samples.map(({ bytes }) => bytes))
  let above = 0
  let below = 0
  for (const { done, bytes } of samples) {
    above += (done - meanDone) * (bytes - meanBytes)
    below += (done - meanDone) ** 2
  }
  return above / below
}

export function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}
