/** The files of src, as the package tests see them. */

import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

export const root: string = join(import.meta.dirname, '..', '..')

/** The text of every TypeScript file of src, by its path inside src with forward slashes. */
export function readSources(): ReadonlyMap<string, string> {
  const src = join(root, 'src')
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.split(sep).join('/'))
    .toSorted()
  return new Map(paths.map((path) => [path, readFileSync(join(src, path), 'utf8')]))
}

/** The files directly in src: the public entry points. */
export function doorsOf(sources: ReadonlyMap<string, string>): readonly string[] {
  return [...sources.keys()].filter((path) => !path.includes('/'))
}
