/**
 * Writes one line per event: in one string per turn of the event loop, synchronously, so that what is written is out
 * of the process. Bounded, and exact about what became of each line.
 *
 * When the other side lags, lines wait here and the loop goes on; when `maxQueued` wait, the newest are
 * dropped: the story so far is worth more than its latest line, and a line is never cut. When the other side is gone, everything is dropped from then on.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { PlainsightEvent } from '../events/event.ts'
import { atExit } from './exit-hook.ts'
import { GONE, type LineSink } from './line-sink.ts'
import type { ObserverCounts } from './observer.ts'
import { pause } from './pause.ts'

/** A bounded, counted queue of lines in front of a {@link LineSink}. */
export interface LineWriter {
  /** Queues the line of `event`; at `warning` and `error` it is written at once. Never throws. */
  onEvent(event: PlainsightEvent): void
  /** Resolves when nothing is queued, or after 2 s. */
  flush(): Promise<void>
  /** As `flush`; then gives the exit hook back as soon as nothing is queued. Later events still are written. */
  close(): Promise<void>
  counts(): ObserverCounts
}

export interface LineWriterOptions {
  readonly sink: LineSink
  /** The event's line, with its newline and no other. An event whose line cannot be made counts as failed. */
  readonly format: (event: PlainsightEvent) => string
  /** The bytes of whole lines. Default: UTF-8. */
  readonly encode?: (lines: string) => Buffer
  /** Lines that may wait. */
  readonly maxQueued: number
}

/** A turn's text is written early when it reaches this many characters: a pipe takes 64 KiB at once. */
const MAX_TURN_CHARS = 65_536
/** Lines can be long: whatever `maxQueued` says, no more characters than this wait. */
const MAX_QUEUED_CHARS = 64 * 1_048_576
const RETRY_MS = 5
const FLUSH_MS = 2_000
/** At exit: how long a reader may take nothing at all, and how long the end may take altogether. */
const EXIT_IDLE_MS = 1_000
const EXIT_MS = 10_000
const NEWLINE = 10

/** A writer to `sink`. Has no listener and no timer before the first event. */
export function lineWriter({
  sink,
  format,
  encode = utf8,
  maxQueued,
}: LineWriterOptions): LineWriter {
  let delivered = 0
  let dropped = 0
  let failed = 0
  /** Lines of this turn, or that came while the sink was busy. */
  let text = ''
  let textLines = 0
  /** What is left of the chunk that is being written; begins inside a line after a partial write. */
  let chunk: Buffer | undefined
  let chunkLines = 0
  let scheduled: 'no' | 'turn' | 'retry' = 'no'
  let isWriting = false
  let isGone = false
  let isClosed = false
  let isExiting = false
  let leaveExit: (() => void) | undefined

  const queued = (): number => textLines + chunkLines
  const queuedChars = (): number => text.length + (chunk?.length ?? 0)

  /** Hands over what the sink takes now. */
  const write = (): void => {
    // An object's `write` may cause an event of its own: that one waits for the next turn.
    if (isWriting) return
    isWriting = true
    try {
      writeChunk()
      // An object was given everything it needs to be given; a descriptor may take more than what was left over.
      if (chunk === undefined && textLines > 0) writeChunk()
    } finally {
      isWriting = false
    }
    if (queued() > 0) schedule(chunk === undefined ? 'turn' : 'retry')
    else if (isClosed) leave()
  }

  const writeChunk = (): void => {
    if (chunk === undefined) {
      if (textLines === 0) return
      chunk = encode(text)
      chunkLines = textLines
      text = ''
      textLines = 0
    }
    try {
      while (chunk !== undefined) {
        const taken = sink.write(chunk, isExiting)
        if (taken === GONE) return giveUp()
        if (taken === 0) return
        const lines = taken === chunk.length ? chunkLines : newlines(chunk, taken)
        delivered += lines
        chunkLines -= lines
        chunk = taken === chunk.length ? undefined : chunk.subarray(taken)
      }
    } catch {
      failed += chunkLines
      chunkLines = 0
      chunk = undefined
    }
  }

  const giveUp = (): void => {
    isGone = true
    dropped += queued()
    text = ''
    chunk = undefined
    textLines = chunkLines = 0
    leave()
  }

  const schedule = (when: 'turn' | 'retry'): void => {
    if (scheduled !== 'no' || isExiting) return
    scheduled = when
    if (when === 'turn') setImmediate(onTime)
    else setTimeout(onTime, RETRY_MS).unref()
  }
  const onTime = (): void => {
    scheduled = 'no'
    if (queued() > 0) write()
  }

  const leave = (): void => {
    leaveExit?.()
    leaveExit = undefined
  }

  /** Blocks, since nothing asynchronous happens any more: bounded by EXIT_IDLE_MS and EXIT_MS. */
  const writeAtExit = (): void => {
    isExiting = true
    const start = performance.now()
    let lastTaken = start
    let before = queuedChars()
    while (queued() > 0 && !isWriting) {
      write()
      if (queued() === 0) return
      const now = performance.now()
      if (queuedChars() !== before) lastTaken = now
      before = queuedChars()
      if (now - lastTaken >= EXIT_IDLE_MS || now - start >= EXIT_MS) return giveUp()
      pause(RETRY_MS)
    }
  }

  const isFull = (): boolean => queued() >= maxQueued || queuedChars() >= MAX_QUEUED_CHARS

  const flush = async (): Promise<void> => {
    const deadline = performance.now() + FLUSH_MS
    while (queued() > 0) {
      write()
      if (queued() === 0 || performance.now() >= deadline) return
      // Not unref'd: who awaits this must not be left by the process.
      await sleep(RETRY_MS)
    }
  }

  return {
    onEvent(event) {
      // A full queue in front of a sink that is not busy is only a long turn.
      if (isFull() && chunk === undefined) write()
      if (isGone || isFull()) {
        dropped++
        return
      }
      let line: string
      try {
        line = format(event)
      } catch {
        failed++
        return
      }
      text += line
      textLines++
      leaveExit ??= atExit(writeAtExit)
      if (chunk !== undefined) return
      const isUrgent = event.level === 'warning' || event.level === 'error'
      if (isExiting) writeAtExit()
      else if (isUrgent || text.length >= MAX_TURN_CHARS) write()
      else schedule('turn')
    },
    flush,
    async close() {
      isClosed = true
      await flush()
      if (queued() === 0) leave()
    },
    counts: () => ({ delivered, dropped, failed, queued: queued() }),
  }
}

function utf8(lines: string): Buffer {
  return Buffer.from(lines)
}

function newlines(chunk: Buffer, end: number): number {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at !== -1 && at < end; at = chunk.indexOf(NEWLINE, at + 1))
    count++
  return count
}
