import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileObserver, type FileObserver, type FileObserverOptions } from '../../../src/file.ts'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const log = sampleEvents().find((event) => event.type === 'task.log') as PlainsightEvent
const numbered = (seq: number): PlainsightEvent => ({ ...log, seq })
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

let directory = ''
let path = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-file-'))
  path = join(directory, 'tasks.log')
})
afterEach(() => {
  chmodSync(directory, 0o700)
  rmSync(directory, { recursive: true })
})

function seqsOf(text: string): number[] {
  const lines = text.split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((line) => (JSON.parse(line) as { seq: number }).seq)
}

const seqs = (name = path): number[] => seqsOf(readFileSync(name, 'utf8'))

/** What is in the file and in the old ones, oldest first. */
function allSeqs(): number[] {
  const old = readdirSync(directory)
    .filter((name) => /^tasks\.log\.\d+$/.test(name))
    .toSorted((a, b) => Number(b.slice(10)) - Number(a.slice(10)))
  return [...old.map((name) => join(directory, name)), path].flatMap((name) => seqs(name))
}

const upTo = (count: number, from = 1): number[] =>
  Array.from({ length: count - from + 1 }, (_, index) => from + index)

async function hand(observer: FileObserver, from: number, to: number): Promise<void> {
  for (let seq = from; seq <= to; seq++) observer.onEvent(numbered(seq))
  await turn()
}

describe('fileObserver', () => {
  it('appends the lines of one turn, as consoleObserver writes them, and warnings at once', async () => {
    writeFileSync(path, '{"seq":0}\n')
    const observer = fileObserver(pathToFileURL(path))
    observer.onEvent(numbered(1))
    expect(seqs()).toEqual([0])
    await turn()
    expect(seqs()).toEqual([0, 1])
    observer.onEvent(numbered(2))
    observer.onEvent({ ...numbered(3), level: 'warning' } as PlainsightEvent)
    expect(seqs()).toEqual([0, 1, 2, 3])
    const line = JSON.parse(readFileSync(path, 'utf8').split('\n')[1] ?? '') as object
    expect(line).toMatchObject({ level: 30, time: log.time, pid: process.pid, type: 'task.log' })
    await observer.close()
    expect(observer.counts()).toEqual({ delivered: 3, dropped: 0, failed: 0, queued: 0 })
  })

  it('rotates by size: no line lost, doubled or split, no file too large, the oldest gone', async () => {
    const observer = fileObserver(path, { maxBytes: 4_000, keep: 3 })
    for (let seq = 1; seq <= 97; seq += 7) await hand(observer, seq, Math.min(97, seq + 6))
    await observer.close()
    expect(readdirSync(directory).toSorted()).toEqual([
      'tasks.log',
      'tasks.log.1',
      'tasks.log.2',
      'tasks.log.3',
    ])
    const kept = allSeqs()
    expect(kept).toEqual(upTo(97, kept[0]))
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(4_000)
    }
    expect(observer.counts()).toEqual({ delivered: 97, dropped: 0, failed: 0, queued: 0 })
  })

  it('gives a line that is longer than a file may be a file of its own', async () => {
    const observer = fileObserver(path, { maxBytes: 2_500, keep: 20 })
    const long = { ...log, message: 'x'.repeat(5_000) }
    for (const seq of [1, 2, 3, 4, 5, 6]) {
      observer.onEvent({ ...(seq === 3 || seq === 4 ? long : log), seq })
    }
    await observer.close()
    expect(allSeqs()).toEqual([1, 2, 3, 4, 5, 6])
    const sizes = readdirSync(directory).map((name) => seqs(join(directory, name)))
    expect(sizes).toContainEqual([3])
    expect(sizes).toContainEqual([4])
  })

  it('goes on in a new file when its own was moved away, or removed, at the next write', async () => {
    const observer = fileObserver(path)
    await hand(observer, 1, 3)
    renameSync(path, join(directory, 'moved'))
    await hand(observer, 4, 5)
    expect([seqs(join(directory, 'moved')), seqs()]).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
    rmSync(path)
    await hand(observer, 6, 7)
    expect(seqs()).toEqual([6, 7])
    await observer.close()
  })

  it('goes on at the new end of a file that was copied and truncated', async () => {
    const observer = fileObserver(path)
    await hand(observer, 1, 3)
    copyFileSync(path, join(directory, 'copy'))
    truncateSync(path)
    await hand(observer, 4, 5)
    expect([seqs(join(directory, 'copy')), seqs()]).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
    await observer.close()
  })

  it('ends the line that a process left unfinished when it died', async () => {
    writeFileSync(path, '{"seq":1}\n{"seq":2,"ms')
    const observer = fileObserver(path)
    await hand(observer, 3, 4)
    await observer.close()
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines[1]).toBe('{"seq":2,"ms')
    expect(seqsOf(lines.slice(2).join('\n'))).toEqual([3, 4])
  })

  it('keeps what it cannot write, says so, and writes it in order when it can again', async () => {
    const away = join(directory, 'away')
    const inside = join(directory, 'sub', 'tasks.log')
    mkdirSync(join(directory, 'sub'))
    const reported: unknown[] = []
    const observer = fileObserver(inside, { maxQueue: 20 })
    observer.start({ report: (error) => void reported.push(error) })
    await hand(observer, 1, 2)
    renameSync(join(directory, 'sub'), away)
    await hand(observer, 3, 27)
    expect(observer.counts()).toEqual({ delivered: 2, dropped: 5, failed: 0, queued: 20 })
    expect(String(reported[0])).toContain('ENOENT')
    renameSync(away, join(directory, 'sub'))
    await waitFor(() => observer.counts().queued === 0)
    expect(seqs(inside)).toEqual([1, 2, ...upTo(27, 8)])
    expect(observer.counts()).toEqual({ delivered: 22, dropped: 5, failed: 0, queued: 0 })
    await observer.close()
  })

  it.skipIf(process.platform !== 'linux')(
    'opens its file again when somebody else has closed it',
    async () => {
      const observer = fileObserver(path)
      await hand(observer, 1, 2)
      const open = readdirSync('/proc/self/fd').map(Number)
      const mine = open.find((fd) => linkOf(fd) === path)
      closeSync(mine ?? -1)
      await hand(observer, 3, 4)
      expect(seqs()).toEqual([1, 2, 3, 4])
      await observer.close()
      expect(
        readdirSync('/proc/self/fd')
          .map(Number)
          .filter((fd) => linkOf(fd) === path),
      ).toEqual([])
    },
  )

  it('writes through a link, and rotates what it points to', async () => {
    const link = join(directory, 'link')
    writeFileSync(path, '')
    symlinkSync(path, link)
    const observer = fileObserver(link, { maxBytes: 2_000 })
    await hand(observer, 1, 5)
    await observer.close()
    expect(allSeqs()).toEqual([1, 2, 3, 4, 5])
    expect(existsSync(`${path}.1`)).toBe(true)
  })

  it('takes over the lock of a process that died while it rotated, and fills the gap it left', async () => {
    const observer = fileObserver(path, { maxBytes: 2_000, keep: 5 })
    writeFileSync(`${path}.2`, '{"seq":-1}\n')
    writeFileSync(`${path}.lock`, '')
    await hand(observer, 1, 4)
    // Held: nobody rotates, and nothing is lost.
    expect(existsSync(`${path}.1`)).toBe(false)
    expect(seqs()).toEqual([1, 2, 3, 4])
    const old = new Date(Date.now() - 60_000)
    utimesSync(`${path}.lock`, old, old)
    await hand(observer, 5, 5)
    await observer.close()
    expect(allSeqs()).toEqual([-1, 1, 2, 3, 4, 5])
    expect(readdirSync(directory).toSorted()).toEqual(['tasks.log', 'tasks.log.1', 'tasks.log.2'])
  })

  it('takes over a lock from the future: the clock was set back since its process died', async () => {
    const observer = fileObserver(path, { maxBytes: 2_000, keep: 5 })
    writeFileSync(`${path}.lock`, '')
    const tomorrow = new Date(Date.now() + 86_400_000)
    utimesSync(`${path}.lock`, tomorrow, tomorrow)
    await hand(observer, 1, 4)
    await observer.close()
    expect(existsSync(`${path}.1`)).toBe(true)
    expect(existsSync(`${path}.lock`)).toBe(false)
    expect(allSeqs()).toEqual([1, 2, 3, 4])
  })

  it('is told apart from a file that another program appends to at the same time', async () => {
    const observer = fileObserver(path)
    await hand(observer, 1, 1)
    appendFileSync(path, '{"seq":100}\n')
    await hand(observer, 2, 2)
    await observer.close()
    expect(seqs()).toEqual([1, 100, 2])
  })

  it.each<[string, () => unknown, FileObserverOptions, string, string]>([
    ['a missing directory', () => join(directory, 'no', 'file'), {}, 'path', 'does not exist'],
    ['a directory', () => directory, {}, 'path', 'it is a directory'],
    ['a device', () => '/dev/full', {}, 'path', 'no regular file'],
    ['a path below a file', () => join(import.meta.filename, 'x'), {}, 'path', 'ENOTDIR'],
    ['a path with NUL', () => `${path}\0`, {}, 'path', 'null bytes'],
    ['an empty path', () => '', {}, 'path', 'a path'],
    ['no path', () => undefined, {}, 'path', 'a path'],
    ['another kind of URL', () => new URL('http://localhost/x'), {}, 'path', 'a path'],
    ['maxBytes', () => path, { maxBytes: 0 }, 'maxBytes', 'an integer from 1'],
    ['keep', () => path, { keep: 1.5 }, 'keep', 'an integer from 1'],
    ['an unknown option', () => path, { size: 1 } as FileObserverOptions, 'size', 'left out'],
  ])('refuses %s, and says why', (_title, where, options, option, why) => {
    expect(() => fileObserver(where() as string, options)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTIONS',
        option,
        message: expect.stringContaining(why),
      }),
    )
  })

  it.skipIf(process.getuid?.() === 0)('refuses a directory it may not write to', () => {
    chmodSync(directory, 0o500)
    expect(() => fileObserver(path)).toThrow(/EACCES/)
  })
})

function linkOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return undefined
  }
}
