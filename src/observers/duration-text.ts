/** Lengths of time as people read them. */

/** `ms` in one or two units: `0.4ms`, `12ms`, `1.2s`, `2m 5s`, `1h 2m`, `3d 4h`. */
export function durationText(ms: number): string {
  if (!(ms >= 0)) return '0ms'
  if (ms < 9.95) return `${round(ms)}ms`
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${round(ms / 1_000)}s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return two(seconds, 60, 'm', 1, 's')
  if (seconds < 86_400) return two(seconds, 3_600, 'h', 60, 'm')
  return two(seconds, 86_400, 'd', 3_600, 'h')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function two(
  seconds: number,
  large: number,
  largeUnit: string,
  small: number,
  smallUnit: string,
): string {
  const rest = Math.floor((seconds % large) / small)
  const head = `${Math.floor(seconds / large)}${largeUnit}`
  return rest === 0 ? head : `${head} ${rest}${smallUnit}`
}
