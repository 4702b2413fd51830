/** Holds each door to its budget. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { doorSizes } from './door-sizes.ts'

/** Gzipped bytes by door. */
const budgets = JSON.parse(
  readFileSync(join(import.meta.dirname, 'size-budget.json'), 'utf8'),
) as Readonly<Record<string, number>>

const rows = (await doorSizes()).map((size) => {
  // A door that nobody gave a budget has none to spend.
  const budget = budgets[size.door] ?? 0
  return { ...size, budget, ok: size.gzipped <= budget }
})

const width = Math.max(...rows.map((row) => row.door.length))
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(2)} kB`.padStart(10)
console.log(
  `${'door'.padEnd(width)}  ${'min'.padStart(10)}  ${'min+gzip'.padStart(10)}  ${'budget'.padStart(10)}`,
)
for (const { door, minified, gzipped, budget, ok } of rows) {
  const figures = [minified, gzipped, budget].map(kilobytes).join('  ')
  console.log(`${door.padEnd(width)}  ${figures}  ${ok ? 'ok' : 'TOO BIG'}`)
}
const stale = Object.keys(budgets).filter((door) => !rows.some((row) => row.door === door))
if (stale.length > 0) console.log(`budgets without a door: ${stale.join(', ')}`)
if (stale.length > 0 || rows.some((row) => !row.ok)) process.exitCode = 1
