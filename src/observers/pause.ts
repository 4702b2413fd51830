/** Waits where nothing asynchronous may happen. */

/** Blocks this thread for `ms`. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
