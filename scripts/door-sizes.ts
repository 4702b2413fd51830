/** What each entry point weighs: bundled, minified and gzipped, without peers and built-in modules. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')

export interface DoorSize {
  /** As in the package's exports: `./sqlite`. */
  readonly door: string
  readonly minified: number
  readonly gzipped: number
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

export async function doorSizes(): Promise<readonly DoorSize[]> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const peers = Object.keys(manifest.peerDependencies)
  const sizes: DoorSize[] = []
  for (const [door, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    const bundle = await bundled(target.default, peers)
    const gzipped = gzipSync(bundle, { level: 9 }).byteLength
    sizes.push({ door, minified: bundle.byteLength, gzipped })
  }
  return sizes
}

/** From the source, so that it needs no build: what ships is the same, one file for one file. */
async function bundled(target: string, peers: readonly string[]): Promise<Uint8Array> {
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
    external: peers.flatMap((name) => [name, `${name}/*`]),
    logLevel: 'error',
  })
  const [file] = outputFiles
  if (file === undefined) throw new Error(`${entry} has no bundle`)
  return file.contents
}
