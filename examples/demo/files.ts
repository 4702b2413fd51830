/** The files below a folder, leaving out what nobody wrote by hand. */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

const LEFT_OUT = new Set(['.git', 'node_modules', 'dist', 'coverage'])
const DATABASE = /\.db(-.*)?$/

/** Paths of all files, broken links included; a folder that cannot be read is skipped. */
export async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (LEFT_OUT.has(entry.name) || DATABASE.test(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (entry.isFile() || entry.isSymbolicLink()) yield path
  }
}
