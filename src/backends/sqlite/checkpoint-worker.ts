/** The thread that moves the write-ahead log into the database, so that no commit has to. */

import { pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import type { SqliteSettings } from './options.ts'

/** What SQLite says of a checkpoint, in frames (pages) of the log; null when it failed. */
export interface CheckpointAnswer {
  /** 1 when another connection was at it. */
  readonly busy: number
  readonly log: number
  readonly checkpointed: number
}

/**
 * A string, and not a file: it works wherever a bundler has put this module. CommonJS, as `eval` takes it.
 *
 * A last checkpoint when it ends leaves little for the thread that closes the database.
 */
const PROGRAM = `'use strict'
const { parentPort, workerData } = require('node:worker_threads')
const { DatabaseSync } = require('node:sqlite')
const db = new DatabaseSync(new URL(workerData.url))
db.exec(workerData.pragmas)
const statement = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
function checkpoint() {
  try {
    return statement.get()
  } catch {
    return null
  }
}
parentPort.on('message', (message) => {
  const answer = checkpoint()
  if (message === 'checkpoint') return parentPort.postMessage(answer)
  db.close()
  parentPort.close()
})
parentPort.postMessage('ready')
`

/**
 * Starts the thread. It says `ready`, then answers each message `checkpoint` with a CheckpointAnswer, and ends at `end`.
 *
 * @throws whatever keeps a thread from starting here, such as Node's permission model
 */
export async function startCheckpointWorker({ path, durability }: SqliteSettings): Promise<Worker> {
  const threads = await import('node:worker_threads')
  const url = pathToFileURL(path)
  // Never makes a file: the one that was opened may be gone.
  url.search = '?mode=rw'
  // A passive checkpoint waits for nobody. It syncs the log before and the database after, as the writer's would.
  const synchronous = durability === 'power' ? 'FULL' : 'NORMAL'
  return new threads.Worker(PROGRAM, {
    eval: true,
    name: 'plainsight-checkpoint',
    workerData: {
      url: url.href,
      pragmas: `PRAGMA busy_timeout = 0; PRAGMA synchronous = ${synchronous}`,
    },
    // What the user preloads into the process (loaders, telemetry) has no business in here.
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
}
