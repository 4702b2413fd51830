/**
 * When the write-ahead log is moved into the database, and by whom.
 *
 * SQLite's own way (every 1,000 pages, by the commit that is at it) stalls the event loop for milliseconds. Here a thread
 * does it, every 100 ms while there are writes. The log begins anew only when all of it has been moved and nobody
 * writes: so once it is long and nearly moved, the next commit waits for the thread, with the event loop free.
 */

import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Worker } from 'node:worker_threads'
import { startCheckpointWorker, type CheckpointAnswer } from './checkpoint-worker.ts'
import type { SqliteSettings } from './options.ts'

export interface Checkpoints {
  /** To be called after each commit. */
  committed(): void
  /** Whether the next commit shall wait; `resume` is then called, within a second. */
  hold(resume: () => void): boolean
  /** Ends the thread. */
  close(): Promise<void>
}

const PAGE_BYTES = 4_096
/** SQLite's default: what holds while there is no thread. */
const INLINE_FRAMES = 1_000
/** A log as long as this shall begin anew, which commits wait for: 32 MiB. */
const RESTART_FRAMES = 8_192
/** From here on commits wait for the thread, and move the log themselves when that does not help: 40 MiB. */
const BOUND_FRAMES = 10_240
const BOUND_BYTES = BOUND_FRAMES * PAGE_BYTES
/** What is not worth a thread: fewer rows than this in a second. */
const START_ROWS = 1_000
const START_WINDOW_MS = 1_000
const INTERVAL_MS = 100
const SIZE_INTERVAL_MS = 10
/** A checkpoint shorter than this has left so little that the next one is worth waiting for. */
const SHORT_MS = 10
const MAX_CATCH_UPS = 3
const MAX_HOLD_MS = 1_000
const END_WAIT_MS = 2_000

export function createCheckpoints(db: DatabaseSync, settings: SqliteSettings): Checkpoints {
  const walPath = `${settings.path}-wal`
  // What was really written: a sweep that finds nothing, however much it may remove, writes nothing.
  const totalChanges = db.prepare('SELECT total_changes() AS rows')
  let worker: Worker | undefined
  let starting: Promise<void> | undefined
  // `off`: not yet worth one. `none`: not wanted, or it could not be started, or died.
  let phase: 'off' | 'none' | 'starting' | 'idle' | 'busy' = settings.checkpointThread
    ? 'off'
    : 'none'
  let autoFrames = INLINE_FRAMES
  let windowAt = 0
  let windowRows = 0
  let countedRows = 0
  let postedAt = 0
  let catchUps = 0
  // Commits wait; and whether they did already when the checkpoint that runs was asked for.
  let isHolding = false
  let wasHolding = false
  // Somebody reads an old state of the database, and the log has to be kept: waiting is of no use.
  let isBlocked = false
  let lastSize = 0
  let sizeAt = 0
  let resumes: (() => void)[] = []
  let holdTimer: NodeJS.Timeout | undefined
  let isClosed = false

  // A log that had to grow, because somebody was reading, shrinks to this when it begins anew.
  db.exec(`PRAGMA journal_size_limit = ${BOUND_BYTES}`)
  setAutoFrames(INLINE_FRAMES)

  function setAutoFrames(frames: number): void {
    autoFrames = frames
    db.exec(`PRAGMA wal_autocheckpoint = ${frames}`)
  }

  async function start(): Promise<void> {
    phase = 'starting'
    // In the moment that it takes, commits would do what it is started for.
    setAutoFrames(BOUND_FRAMES)
    try {
      const started = await startCheckpointWorker(settings)
      started.on('error', () => giveUp())
      started.on('exit', () => giveUp())
      started.on('message', (message: 'ready' | CheckpointAnswer | null) => {
        if (isClosed) return
        if (message !== 'ready') answered(message)
        else phase = 'idle'
      })
      // Keeps no process alive. After `on`, which would take that back.
      started.unref()
      worker = started
    } catch {
      giveUp()
    }
  }

  /** Without a thread, commits do it, as they would have without any of this. */
  function giveUp(): void {
    worker = undefined
    phase = 'none'
    if (isClosed) return
    setAutoFrames(INLINE_FRAMES)
    release()
  }

  function post(now: number): void {
    phase = 'busy'
    postedAt = now
    wasHolding = isHolding
    worker?.postMessage('checkpoint')
  }

  function answered(answer: CheckpointAnswer | null): void {
    phase = 'idle'
    const now = performance.now()
    const isSkipped = answer?.busy === 1
    const frames = answer?.log ?? 0
    isBlocked = answer === null || (!isSkipped && answer.checkpointed < frames)
    // Where moving the log is of no use, not every commit shall try.
    if (isBlocked && frames >= autoFrames) setAutoFrames(frames + BOUND_FRAMES)
    else if (!isBlocked && !isSkipped && autoFrames !== BOUND_FRAMES) setAutoFrames(BOUND_FRAMES)
    if (isBlocked || isSkipped || wasHolding || frames < RESTART_FRAMES) {
      catchUps = 0
      release()
      return
    }
    // Moved, but for what was written meanwhile. Once more, the last time with commits waiting.
    catchUps += 1
    if (now - postedAt < SHORT_MS || catchUps >= MAX_CATCH_UPS) startHolding()
    post(now)
  }

  function startHolding(): void {
    if (isHolding) return
    isHolding = true
    // Keeps the process: somebody awaits the commits that wait.
    holdTimer = setTimeout(release, MAX_HOLD_MS)
  }

  function release(): void {
    isHolding = false
    clearTimeout(holdTimer)
    const waiting = resumes
    resumes = []
    for (const resume of waiting) resume()
  }

  /** Whether there is enough to write to be worth a thread. */
  function isWorthIt(now: number): boolean {
    if (now - windowAt > START_WINDOW_MS) {
      windowAt = now
      windowRows = 0
    }
    const { rows } = totalChanges.get() as { rows: number }
    windowRows += rows - countedRows
    countedRows = rows
    return windowRows >= START_ROWS
  }

  /** Whether the file grows beyond the bound while the thread is at it. It never shrinks by itself. */
  function outgrows(now: number): boolean {
    if (now - sizeAt < SIZE_INTERVAL_MS) return false
    sizeAt = now
    const size = statSync(walPath, { throwIfNoEntry: false })?.size ?? 0
    const grows = size > lastSize && size > BOUND_BYTES
    lastSize = size
    return grows
  }

  return {
    committed() {
      const now = performance.now()
      if (phase === 'idle') {
        if (now - postedAt >= INTERVAL_MS) post(now)
      } else if (phase === 'busy') {
        if (!isHolding && !isBlocked && outgrows(now)) startHolding()
      } else if (phase === 'off' && isWorthIt(now)) {
        starting = start()
      }
    },
    hold(resume) {
      if (isHolding) resumes.push(resume)
      return isHolding
    },
    async close() {
      isClosed = true
      release()
      await starting
      if (worker === undefined) return
      const ending = worker
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        ending.on('exit', () => resolve())
        ending.ref()
        ending.postMessage('end')
        timer = setTimeout(resolve, END_WAIT_MS)
      })
      clearTimeout(timer)
    },
  }
}
