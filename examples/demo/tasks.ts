/** The demo's tasks: `pack-file` reads, hashes and compresses one file; its child `count-lines` counts what is in it. */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { defineTask, taskLog, UnrecoverableError, type Task } from '../../src/index.ts'

const compress = promisify(gzip)

export interface Packed {
  readonly bytes: number
  readonly packedBytes: number
  readonly sha256: string
  readonly lines: number
}

export const countLines: Task<{ text: string }, number> = defineTask({
  name: 'count-lines',
  run({ text }: { text: string }) {
    const lines = text.split('\n').length
    taskLog.debug('Counted', { lines })
    return lines
  },
})

export const packFile: Task<{ path: string }, Packed> = defineTask({
  name: 'pack-file',
  // A file that cannot be read now may be readable in a moment; one that is binary stays so.
  retries: 2,
  backoff: { delay: '100ms', factor: 2, jitter: 'none' },
  timeout: '30s',
  async run({ path }: { path: string }, { signal, progress, enqueue, tags: { run = '' } }) {
    const content = await readFile(path, { signal })
    progress(1, 3)
    if (content.includes(0))
      throw new UnrecoverableError(`${path} is binary: the demo packs text only`)
    const sha256 = createHash('sha256').update(content).digest('hex')
    const packed = await compress(content)
    progress(2, 3)
    const saved = content.length === 0 ? 0 : Math.round((1 - packed.length / content.length) * 100)
    taskLog('Packed', { path, bytes: content.length, packedBytes: packed.length })
    if (saved < 0) taskLog.warning('Packing made it larger', { path, percent: -saved })
    // While it waits for its child, its slot is lent to others: the child among them.
    const child = await enqueue(
      countLines,
      { text: content.toString('utf8') },
      { tags: { run }, priority: 1 },
    )
    const lines = await child.result()
    progress(3, 3)
    return { bytes: content.length, packedBytes: packed.length, sha256, lines }
  },
})
