/** The options of the SQLite backend, checked. */

import { isAbsolute, resolve } from 'node:path'
import { InvalidOptionsError } from '../../task/errors.ts'
import { reading } from '../../task/reading.ts'

export interface SqliteBackendOptions {
  /**
   * What an answered write survives. `'process'` (default): the death of the process, `kill -9` included.
   * `'power'`: power loss and a crash of the operating system as well, at the price of one fsync per commit.
   */
  readonly durability?: 'process' | 'power' | undefined
  /**
   * Whether the file is checked for damage when it is opened, about 1 s per GiB. Default: up to 256 MiB.
   */
  readonly quickCheck?: boolean | undefined
  /**
   * Whether a thread of its own moves the write-ahead log into the database once there is much to write. Default true;
   * false where threads are not wanted: some commits then take milliseconds longer.
   */
  readonly checkpointThread?: boolean | undefined
}

export interface SqliteSettings {
  /** Absolute: a later `process.chdir` changes nothing. */
  readonly path: string
  readonly durability: 'process' | 'power'
  /** Files larger than this many bytes are not checked. */
  readonly quickCheckMaxBytes: number
  readonly checkpointThread: boolean
}

const WHERE = 'sqliteBackend: '
const QUICK_CHECK_MAX_BYTES = 256 * 1024 * 1024
const OPTION_NAMES: ReadonlySet<string> = new Set(['durability', 'quickCheck', 'checkpointThread'])

/** @throws {InvalidOptionsError} INVALID_OPTIONS naming the option */
export function checkSettings(path: unknown, options: unknown): SqliteSettings {
  return reading('options', WHERE, () => check(path, options))
}

function check(path: unknown, options: unknown): SqliteSettings {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidOptionsError('path', 'the path of a database file', path, WHERE)
  }
  // In SQLite's own syntax each connection would get a database of its own, and the locks beside it no place.
  if (path === ':memory:' || path.startsWith('file:')) {
    throw new InvalidOptionsError(
      'path',
      'a file path; memoryBackend() keeps records in memory',
      path,
      WHERE,
    )
  }
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionsError(
      'options',
      'an object { durability, quickCheck, checkpointThread }',
      options,
      WHERE,
    )
  }
  for (const [name, value] of Object.entries(options)) {
    if (OPTION_NAMES.has(name)) continue
    throw new InvalidOptionsError(name, 'left out: there is no such option', value, WHERE)
  }
  const { durability = 'process', quickCheck, checkpointThread } = options as SqliteBackendOptions
  if (durability !== 'process' && durability !== 'power') {
    throw new InvalidOptionsError('durability', '"process" or "power"', durability, WHERE)
  }
  if (quickCheck !== undefined && typeof quickCheck !== 'boolean') {
    throw new InvalidOptionsError('quickCheck', 'true or false', quickCheck, WHERE)
  }
  if (checkpointThread !== undefined && typeof checkpointThread !== 'boolean') {
    throw new InvalidOptionsError('checkpointThread', 'true or false', checkpointThread, WHERE)
  }
  return {
    path: isAbsolute(path) ? path : resolve(path),
    durability,
    quickCheckMaxBytes:
      quickCheck === undefined ? QUICK_CHECK_MAX_BYTES : quickCheck ? Infinity : -1,
    checkpointThread: checkpointThread ?? true,
  }
}
