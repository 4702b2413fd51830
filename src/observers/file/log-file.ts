/** A file that lines are appended to: rotated by size, reopened when it was moved away, never with a line cut. */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  statSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { pause } from '../pause.ts'
import { rotate } from './rotate.ts'

export interface LogFile {
  /**
   * Appends whole lines, and answers how many of them are in the file. Where that is fewer than all, `onError` is told
   * why; a line that is in by half is finished by the next call if that begins with the same line.
   */
  append(lines: Buffer, onError: (error: unknown) => void): number
  close(): void
}

export interface LogFileOptions {
  readonly path: string
  /** No file gets larger by a line that others could take; a line that is longer has a file of its own. */
  readonly maxBytes: number
  /** Old files. */
  readonly keep: number
}

const NEWLINE = 10
/** Node's flags for `a`: every write goes to the end, wherever that is by then. */
const { O_APPEND, O_CREAT, O_RDWR } = constants
const MODE = 0o666
/** How often in one call a file is opened again that somebody else has closed. */
const MAX_REOPENS = 2

/** The file ends inside a line. */
interface Torn {
  /** Where the file ended when it was seen to. */
  readonly at: number
  /** Ours; else it is of somebody who died. */
  readonly line?: Buffer
  /** What of it is missing. */
  readonly rest?: Buffer
}

interface OpenFile {
  readonly descriptor: number
  readonly device: bigint
  readonly inode: bigint
}

export function logFile({ path, maxBytes, keep }: LogFileOptions): LogFile {
  let file: OpenFile | undefined
  /** The end of the file, as far as it is known. */
  let size = 0
  let torn: Torn | undefined

  function reopen(): OpenFile {
    close()
    const descriptor = openSync(path, O_APPEND | O_CREAT | O_RDWR, MODE)
    try {
      const stats = fstatSync(descriptor, { bigint: true })
      file = { descriptor, device: stats.dev, inode: stats.ino }
      size = Number(stats.size)
      torn = endsInsideLine(descriptor) ? { at: size } : undefined
      return file
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }

  /** The file that has our name now: one that was moved away or removed is left to whoever did it. */
  function current(): OpenFile {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (file === undefined || stats === undefined || !isSame(file, stats)) return reopen()
    // Others append to it, and may truncate it.
    size = Number(stats.size)
    if (torn !== undefined && torn.at !== size) {
      torn = endsInsideLine(file.descriptor) ? { at: size } : undefined
    }
    return file
  }

  function close(): void {
    const open = file
    file = undefined
    if (open === undefined) return
    try {
      closeSync(open.descriptor)
    } catch {
      // Closed by somebody else.
    }
  }

  /** Rotates where a line would make the file too large. A rotation that fails is told, and the file grows. */
  function makeRoom(bytes: number, onError: (error: unknown) => void): OpenFile {
    const open = current()
    if (size === 0 || size + bytes <= maxBytes || torn !== undefined) return open
    try {
      rotate(path, keep, (stats) => isSame(open, stats) && Number(stats.size) + bytes > maxBytes)
    } catch (error) {
      onError(error)
      return open
    }
    return current()
  }

  /** Makes the file end with a whole line. Answers true when that line is the first of `lines`. */
  function mend(open: OpenFile, tear: Torn, lines: Buffer): boolean {
    const { line, rest } = tear
    const isFirst = line !== undefined && lines.subarray(0, line.length).equals(line)
    const mending = isFirst && rest !== undefined ? rest : NEWLINE_BYTES
    const taken = put(open, mending)
    if (taken === mending.length) torn = undefined
    else torn = { at: size, ...(isFirst ? { line, rest: mending.subarray(taken) } : undefined) }
    return isFirst && torn === undefined
  }

  function put(open: OpenFile, bytes: Buffer): number {
    const taken = writeSync(open.descriptor, bytes)
    if (taken === 0) throw new Error(`nothing could be written to ${path}`)
    size += taken
    return taken
  }

  /** One step: writes what fits of `lines`, and answers where the first line begins that is not in. */
  function step(lines: Buffer, onError: (error: unknown) => void): number {
    const firstEnd = lines.indexOf(NEWLINE) + 1
    const open = makeRoom(firstEnd, onError)
    if (torn !== undefined) return mend(open, torn, lines) ? firstEnd : 0
    const room = maxBytes - size
    const fits = room < firstEnd ? firstEnd : lines.lastIndexOf(NEWLINE, room - 1) + 1
    const taken = put(open, room >= lines.length ? lines : lines.subarray(0, fits))
    const whole = lines.lastIndexOf(NEWLINE, taken - 1) + 1
    if (whole < taken) {
      const line = lines.subarray(whole, lines.indexOf(NEWLINE, whole) + 1)
      // A copy: the batch that it is part of would be kept with it.
      torn = { at: size, line: Buffer.from(line), rest: Buffer.from(line.subarray(taken - whole)) }
    }
    return whole
  }

  return {
    append(lines, onError) {
      let done = 0
      let reopens = 0
      while (done < lines.length) {
        try {
          done += step(lines.subarray(done), onError)
        } catch (error) {
          // Closed by somebody else: its number may be another file's by now, so it is only forgotten.
          if (isClosed(error)) file = undefined
          if (isClosed(error) && reopens++ < MAX_REOPENS) continue
          onError(error)
          break
        }
      }
      return done === lines.length ? count(lines) : count(lines.subarray(0, done))
    },
    close,
  }
}

const NEWLINE_BYTES = Buffer.from('\n')
const NOTHING = Buffer.alloc(0)

function count(lines: Buffer): number {
  let found = 0
  for (let at = lines.indexOf(NEWLINE); at !== -1; at = lines.indexOf(NEWLINE, at + 1)) found++
  return found
}

function isSame(file: OpenFile, stats: BigIntStats): boolean {
  return file.inode === stats.ino && file.device === stats.dev
}

function isClosed(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EBADF'
}

/**
 * Whether a file's last line has no end. Not one that another process is about to write: an append of nothing waits for
 * the append that is under way, however long that has not been given the processor; where the system does not do so,
 * the file has to have stood still.
 */
function endsInsideLine(descriptor: number): boolean {
  const last = Buffer.alloc(1)
  let before = -1
  for (;;) {
    const { size } = fstatSync(descriptor)
    if (size === 0) return false
    if (readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] === NEWLINE) return false
    if (size === before) return true
    before = size
    pause(5)
    writeSync(descriptor, NOTHING)
  }
}
