/** Holds each door to its budget: bundled, minified and gzipped, without peers and built-in modules. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const manifest = readJson('package.json') as {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly peerDependencies: Readonly<Record<string, string>>
}
/** Gzipped bytes by door. */
const budgets = readJson('scripts/size-budget.json') as Readonly<Record<string, number>>

const rows: { door: string; minified: number; gzipped: number; budget: number; ok: boolean }[] = []
for (const [door, target] of Object.entries(manifest.exports)) {
  if (typeof target === 'string') continue
  const bundle = await bundled(target.default)
  const gzipped = gzipSync(bundle, { level: 9 }).byteLength
  // A door that nobody gave a budget has none to spend.
  const budget = budgets[door] ?? 0
  rows.push({ door, minified: bundle.byteLength, gzipped, budget, ok: gzipped <= budget })
}

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

/** From the source, so that it needs no build: what ships is the same, one file for one file. */
async function bundled(target: string): Promise<Uint8Array> {
  const entry = target.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    external: Object.keys(manifest.peerDependencies).flatMap((name) => [name, `${name}/*`]),
    logLevel: 'error',
  })
  const [file] = outputFiles
  if (file === undefined) throw new Error(`${entry} has no bundle`)
  return file.contents
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}
