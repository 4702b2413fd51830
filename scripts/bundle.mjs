/**
 * Joins the modules of each door in dist into one file, with shared chunks: an import of a door then loads a handful of
 * files and not a hundred. Names are kept; the maps lead back to src. Declarations stay as tsc wrote them.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

// The folder of the package; the benchmarks have a copy of their own.
const root = process.argv[2] ?? join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const doors = Object.values(exports).flatMap((entry) =>
  typeof entry === 'object' ? [join(root, entry.default)] : [],
)

const { outputFiles } = await build({
  entryPoints: doors,
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.15',
  packages: 'external',
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: 'linked',
  sourcesContent: false,
  chunkNames: 'chunks/[name]-[hash]',
  write: false,
})

// All is read: what tsc wrote for the single modules gives way.
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (/\.js(\.map)?$/.test(name)) rmSync(join(dist, name))
}
mkdirSync(join(dist, 'chunks'), { recursive: true })
for (const { path, contents } of outputFiles) writeFileSync(path, contents)
