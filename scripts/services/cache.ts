/** Where the programs that some tests need are kept: outside the repository, each made once. */

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The program is not here and cannot be had here: a machine's matter, not a fault of ours. */
export class UnavailableError extends Error {}

/** The user's own cache, by the custom of the system. */
function cacheDirectory(): string {
  const { env } = process
  const byCustom =
    process.platform === 'darwin'
      ? join(homedir(), 'Library', 'Caches')
      : process.platform === 'win32'
        ? (env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'))
        : join(homedir(), '.cache')
  return join(env['XDG_CACHE_HOME'] || byCustom, 'plainsight-tests')
}

/**
 * The path of `file` in the entry `name`, which `make` fills the first time. It works in a directory beside the entry that
 * then takes its name in one step: who looks meanwhile sees all of it or nothing, and two at once do no harm.
 */
export async function cached(
  name: string,
  file: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const parent = cacheDirectory()
  const entry = join(parent, name)
  const path = join(entry, file)
  if (existsSync(path)) return path
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(join(parent, `making-${name}-`))
  try {
    await make(directory)
    if (!existsSync(join(directory, file)))
      throw new Error(`${name} was made, but has no ${file} in it`)
    // Somebody else may have been faster.
    if (!existsSync(path)) {
      rmSync(entry, { recursive: true, force: true })
      renameSync(directory, entry)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return path
}
