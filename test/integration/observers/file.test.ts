import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startChild } from '../../support/child.ts'

const writer = join(import.meta.dirname, 'file-writer.ts')

let directory = ''
let path = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-file-'))
  path = join(directory, 'tasks.log')
})
afterEach(() => rmSync(directory, { recursive: true }))

interface Line {
  readonly seq: number
  readonly executorId: string
}

const linesOf = (text: string): Line[] => text.split('\n').map((line) => JSON.parse(line) as Line)

/** All lines, oldest file first; each has to be whole. */
function lines(): Line[] {
  const old = readdirSync(directory)
    .filter((name) => /\.\d+$/.test(name))
    .toSorted((a, b) => Number(b.split('.').at(-1)) - Number(a.split('.').at(-1)))
  return [...old, 'tasks.log'].flatMap((name) => {
    const text = readFileSync(join(directory, name), 'utf8')
    if (text === '') return []
    expect(text.endsWith('\n')).toBe(true)
    return linesOf(text.slice(0, -1))
  })
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

describe('fileObserver in a process that ends', () => {
  it.each([
    ['by itself', 'natural', 0],
    ['with process.exit', 'exit', 3],
    ['with an uncaught exception', 'throw', 1],
  ])('loses none of 20,000 lines %s', async (_title, end, code) => {
    const { code: was } = await startChild(writer, [path, end, '20000', '777', '500000']).ended
    expect(was).toBe(code)
    expect(lines().map((line) => line.seq)).toEqual(upTo(20_000))
  })

  it('loses none of 20,000 lines at SIGTERM, when it is closed then', async () => {
    const child = startChild(writer, [path, 'stay', '20000', '777'])
    await child.line('ready')
    child.kill('SIGTERM')
    expect(await child.ended).toMatchObject({ code: 5 })
    expect(lines().map((line) => line.seq)).toEqual(upTo(20_000))
  })

  it('leaves whole lines at SIGKILL, but for one that it was writing, and all of the turns that were over', async () => {
    for (const after of ['written 40', 'written 400', 'written 4000']) {
      const child = startChild(writer, [path, 'say', '1000000', '40', '300000', after])
      await child.line(after)
      child.kill()
      await child.ended
      // The system ends a write of several pages between two of them.
      const text = readFileSync(path, 'utf8')
      truncateSync(path, Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1)))
      const mine = lines().filter((line) => line.executorId === after)
      expect(mine.length).toBeGreaterThanOrEqual(Number(after.slice(8)))
      expect(mine.map((line) => line.seq)).toEqual(upTo(mine.length))
    }
  })
})

it.each([
  ['often', 4, '25', '40000'],
  ['while large texts are on their way to it', 2, '400', '300000'],
])(
  'is shared by several busy processes, all of which rotate it %s, without a line lost, doubled or mixed',
  async (_title, burners, perTurn, maxBytes) => {
    // Nobody gets the processor when it wants it: each is stopped in the middle of everything.
    const burning = Array.from({ length: burners }, () =>
      spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' }),
    )
    try {
      await shareIt(perTurn, maxBytes)
    } finally {
      for (const burner of burning) burner.kill('SIGKILL')
    }
  },
  60_000,
)

async function shareIt(perTurn: string, maxBytes: string): Promise<void> {
  const writers = ['one', 'two', 'three', 'four', 'five', 'six']
  const ends = writers.map(
    (name) => startChild(writer, [path, 'natural', '4000', perTurn, maxBytes, name]).ended,
  )
  for (const end of await Promise.all(ends)) expect(end).toMatchObject({ code: 0, stderr: '' })
  const all = lines()
  for (const name of writers) {
    const seqs = all.filter((line) => line.executorId === name).map((line) => line.seq)
    // Who still had the old file open when another rotated it wrote there: in order within each file.
    expect(seqs.toSorted((a, b) => a - b)).toEqual(upTo(4_000))
  }
  const names = readdirSync(directory)
  // While one rotates the others go on, so that a file may get larger than it should.
  expect(names.length).toBeGreaterThan(5)
  expect(names.filter((name) => name.includes('lock'))).toEqual([])
}

const namespaces = spawnSync('unshare', ['-rm', 'true'])

it.skipIf(namespaces.status !== 0)(
  'survives a full disk: counts what it could not keep, and goes on with whole lines when there is room',
  async () => {
    const small = join(directory, 'small')
    mkdirSync(small)
    const program = join(import.meta.dirname, 'file-full.ts')
    const command = `mount -t tmpfs -o size=64k tmpfs "${small}" && exec "${process.execPath}" "${program}" "${small}"`
    const child = spawn('unshare', ['-rm', 'bash', '-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await once(child, 'close')
    const told = JSON.parse(text) as {
      errors: string[]
      emitted: number
      last: string
      lines: number[]
      rounds: Record<'away' | 'back', Record<string, number>>[]
    }
    expect(told.errors).toEqual(['ENOSPC'])
    let emitted = 0
    for (const { away, back } of told.rounds) {
      emitted += 95
      const { delivered = 0, dropped = 0, failed = 0, queued = 0 } = away
      expect(delivered + dropped + queued + failed).toBe(emitted)
      expect(queued).toBe(50)
      expect(dropped).toBeGreaterThan(0)
      expect(back).toEqual({ delivered: delivered + 50, dropped, failed: 0, queued: 0 })
    }
    // The last 50 of the round are there, and each line is whole; a torn one would not have parsed.
    expect(told.last).toBe('')
    expect(told.lines.slice(-50)).toEqual(upTo(told.emitted).slice(-50))
  },
)
