/** Where lines go: a file descriptor, or an object with `write`. */

import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { InvalidOptionsError } from '../task/errors.ts'

/** An object that takes text: a `Writable`, or anything with such a `write`. */
export interface TextStream {
  /** Takes whole lines. `false` means: busy until `drain`, if it has `once`; otherwise the answer is ignored. */
  write(text: string): unknown
  once?(event: 'drain', listener: () => void): unknown
  readonly isTTY?: boolean | undefined
}

/** Standard output or error, a file descriptor, or an object with `write`. */
export type LineStream = 'stdout' | 'stderr' | number | TextStream

/** A destination of bytes. */
export interface LineSink {
  /**
   * Takes what it can of `chunk` now and answers how many bytes: 0 when it is busy, {@link GONE} when it will never take
   * any more. Throws when the chunk as a whole was refused. With `last` it does not wait for a busy object.
   */
  write(chunk: Buffer, last: boolean): number
  readonly isTty: boolean
}

/** The other side is gone for good. */
export const GONE = -1

/**
 * The sink of `stream`. `process.stdout` and `process.stderr` are taken as their descriptors, since their own `write`
 * ends the process when the reader is gone.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when `stream` is none of the four
 */
export function lineSink(stream: unknown, where: string): LineSink {
  if (stream === 'stdout') return descriptorSink(1)
  if (stream === 'stderr') return descriptorSink(2)
  if (Number.isInteger(stream) && (stream as number) >= 0) return descriptorSink(stream as number)
  if (typeof stream === 'object' && stream !== null) {
    if (stream === process.stdout) return descriptorSink(1)
    if (stream === process.stderr) return descriptorSink(2)
    const { write } = stream as { write?: unknown }
    if (typeof write === 'function') return streamSink(stream as TextStream)
  }
  const expected = '"stdout", "stderr", a file descriptor, or an object with write(text)'
  throw new InvalidOptionsError('stream', expected, stream, where)
}

function descriptorSink(descriptor: number): LineSink {
  return {
    isTty: isatty(descriptor),
    write(chunk) {
      try {
        return writeSync(descriptor, chunk)
      } catch (error) {
        return PASSING.has((error as NodeJS.ErrnoException).code ?? '') ? 0 : GONE
      }
    },
  }
}

// A reader that lags, a signal, a full disk: it may work later. Anything else, such as EPIPE and EBADF, will not.
const PASSING: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EWOULDBLOCK',
  'EINTR',
  'EBUSY',
  'ENOBUFS',
  'ENOMEM',
  'ENOSPC',
  'EDQUOT',
])

function streamSink(stream: TextStream): LineSink {
  let isBusy = false
  return {
    isTty: stream.isTTY === true,
    write(chunk, last) {
      if (isBusy && !last) return 0
      const more = stream.write(chunk.toString())
      if (more === false && !isBusy && typeof stream.once === 'function') {
        isBusy = true
        stream.once('drain', () => {
          isBusy = false
        })
      }
      return chunk.length
    },
  }
}
