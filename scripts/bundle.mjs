/**
 * Joins the modules of each door in dist into one file, and those of the core into a chunk for all of them: an import of a
 * door then loads a handful of files and not a hundred. Names are kept; the maps lead back to src. Declarations stay as tsc
 * wrote them.
 */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

// The folder of the package; the benchmarks have a copy of their own.
const root = process.argv[2] ?? join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const doors = Object.values(exports).flatMap((entry) =>
  typeof entry === 'object' ? [join(root, entry.default)] : [],
)
const core = join(root, exports['.'].default)

/**
 * Makes every door load all of the core, which nobody uses them without: what the core is made of is then one chunk, and not
 * one for each set of doors that share something. To find and read a file takes longer than to compile ten kilobytes of it.
 */
const withCore = {
  name: 'with-core',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ kind, path }) => {
      if (kind === 'entry-point') return { path, namespace: 'door' }
      // The package says that nothing has side effects; an import for its own sake would be left out.
      return path === core ? { path, sideEffects: true } : undefined
    })
    onLoad({ filter: /./, namespace: 'door' }, ({ path }) => ({
      contents: `import ${JSON.stringify(core)}; export * from ${JSON.stringify(path)}`,
      resolveDir: dist,
    }))
  },
}

/**
 * The one dependency goes into the core: to find its three files takes a fifth of the import, to compile them next to nothing.
 * package.json names the very version that is inside, for those who look there for what a program is made of.
 */
const eventemitter3 = dirname(createRequire(import.meta.url).resolve('eventemitter3/package.json'))
const withDependency = {
  name: 'with-dependency',
  setup({ onResolve }) {
    onResolve({ filter: /^eventemitter3$/ }, () => ({
      path: join(eventemitter3, 'dist/eventemitter3.esm.js'),
    }))
  },
}

const { outputFiles } = await build({
  entryPoints: doors,
  outdir: dist,
  outbase: dist,
  plugins: [withCore, withDependency],
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.15',
  packages: 'external',
  minifyWhitespace: true,
  minifySyntax: true,
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
copyFileSync(join(eventemitter3, 'LICENSE'), join(dist, 'eventemitter3.LICENSE'))
