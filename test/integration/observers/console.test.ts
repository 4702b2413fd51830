import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'

const writer = join(import.meta.dirname, 'console-writer.ts')

interface Ended {
  readonly seqs: readonly number[]
  readonly stderr: string
  readonly code: number | null
}

/** Runs the writer under a shell, so that stdout is a pipe as in `node app | reader`. */
function start(reader: string, ...args: readonly (string | number)[]): ChildProcess {
  const command = `"${process.execPath}" "${writer}" ${args.join(' ')} | ${reader}`
  return spawn('bash', ['-c', `set -o pipefail; ${command}`], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Reads all of it: `pauseMs` before the first read, and `everyMs` between two. */
async function ended(child: ChildProcess, pauseMs = 0, everyMs = 0): Promise<Ended> {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('the child has no pipes')
  let errors = ''
  stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const exit = once(child, 'close') as Promise<[number | null]>
  await sleep(pauseMs)
  let text = ''
  for await (const chunk of stdout) {
    text += String(chunk)
    if (everyMs > 0) await sleep(everyMs)
  }
  const [code] = await exit
  const lines = text.split('\n')
  expect(lines.pop()).toBe('')
  return {
    seqs: lines.map((line) => (JSON.parse(line) as { seq: number }).seq),
    stderr: errors,
    code,
  }
}

const upTo = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index + 1)
const allDelivered = (count: number): string =>
  `${JSON.stringify({ delivered: count, dropped: 0, failed: 0, queued: 0 })}\n`

describe('consoleObserver in a pipe', () => {
  it.each([
    ['a natural end', 'natural', 0],
    ['process.exit', 'exit', 3],
    ['an uncaught exception', 'throw', 1],
    ['close', 'close', 0],
  ])('loses none of 20,000 lines to a slow reader at %s', async (_name, end, code) => {
    const result = await ended(start('cat', end, 20_000, 500, 20_000), 300, 2)
    expect(result.seqs).toEqual(upTo(20_000))
    expect(result.code).toBe(code)
    expect(result.stderr).toContain(allDelivered(20_000))
  })

  it('counts every line that a reader who lags too far does not get, and cuts none', async () => {
    const result = await ended(start('cat', 'natural', 20_000, 20_000, 1_000), 300)
    const counts = JSON.parse(result.stderr) as { delivered: number; dropped: number }
    expect(counts.delivered).toBe(result.seqs.length)
    expect(counts.dropped).toBeGreaterThan(0)
    expect(counts.delivered + counts.dropped).toBe(20_000)
    expect(result.seqs).toEqual(upTo(result.seqs.length))
  })

  it('outlives a reader that takes one line and leaves', async () => {
    const result = await ended(start('head -1', 'stay', 20_000, 100))
    expect(result.seqs).toEqual([1])
    expect(result.stderr).toContain('still here')
    const counts = JSON.parse(
      result.stderr.split('\n').find((line) => line.startsWith('{')) ?? '',
    ) as {
      delivered: number
      dropped: number
    }
    expect(counts.delivered + counts.dropped).toBe(20_000)
    expect(counts.dropped).toBeGreaterThan(0)
    expect(result.code).toBe(0)
  })

  it('does not wait for ever for a reader that has stopped reading', async () => {
    const begun = performance.now()
    const result = await ended(start('(sleep 4; true)', 'exit', 5_000, 5_000))
    expect(result.seqs).toEqual([])
    expect(result.stderr).toMatch(/"dropped":[1-9]/)
    // The idle second, not the four of the reader; the rest is starting up.
    expect(performance.now() - begun).toBeLessThan(8_000)
  })

  it('has written a warning, and all before it, when the next thing is SIGKILL', async () => {
    const result = await ended(start('cat', 'warn-and-kill', 50, 1_000))
    expect(result.seqs).toEqual(upTo(51))
  })
})

describe.skipIf(process.platform !== 'linux')('consoleObserver on a terminal', () => {
  /** `script` gives its command a terminal. */
  async function onTerminal(env: NodeJS.ProcessEnv): Promise<string> {
    const command = `"${process.execPath}" "${writer}" natural 2 2>/dev/null`
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await once(child, 'close')
    return text
  }

  it('writes for people, in colour unless NO_COLOR is set', async () => {
    const colored = await onTerminal({ NO_COLOR: '', FORCE_COLOR: undefined })
    expect(colored.split('\r\n')).toHaveLength(3)
    expect(colored).toContain('\u001b[32mINFO \u001b[0m')
    const plain = await onTerminal({ NO_COLOR: '1', FORCE_COLOR: undefined })
    expect(plain).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}charge u1 #ee5f0c1a: Initiating payment/)
    expect(plain).not.toContain('\u001b')
  })
})
