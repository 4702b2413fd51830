import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const RUNNER = join(import.meta.dirname, 'run.ts')
const SAMPLES = join(import.meta.dirname, 'runner/sample-suites.ts')

interface Ended {
  readonly code: number | null
  /** Of stdout, without the times that cases took. */
  readonly lines: readonly string[]
  readonly stderr: string
}

function run(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [RUNNER, '--suites', SAMPLES, ...args])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const lines = stdout.replaceAll(/ \(\d+\.\d s\)/g, '').split('\n')
      expect(lines.pop()).toBe('')
      resolve({ code, lines, stderr })
    })
  })
}

test('a passing run says its seed first, a line per case and per suite, and counts', async () => {
  const { code, lines, stderr } = await run('good', '--seed', '7', '--rounds', '3')
  expect(lines).toEqual([
    'seed 7',
    'ok      one: seed 7, rounds 3',
    'ok      two: seed 7, rounds 3',
    'ok      three: seed 7, rounds 3',
    'good: 3 passed, 0 failed',
    '3 passed, 0 failed',
  ])
  expect(stderr).toBe('')
  expect(code).toBe(0)
})

test('a failing case is told with its breaches, and the exit code is 1', async () => {
  const { code, lines } = await run('bad', 'good', '--seed', '7')
  expect(lines).toEqual([
    'seed 7',
    'FAILED  broken: seed 7, rounds undefined',
    '        a promise is broken',
    'ok      well: seed 7, rounds undefined',
    'bad: 1 passed, 1 failed',
    'ok      one: seed 7, rounds undefined',
    'ok      two: seed 7, rounds undefined',
    'ok      three: seed 7, rounds undefined',
    'good: 3 passed, 0 failed',
    '4 passed, 1 failed',
  ])
  expect(code).toBe(1)
})

test('a crash fails the case that was running, and no other', async () => {
  const { code, lines } = await run('crashing', '--seed', '7')
  const verdicts = lines.filter((line) => /^(ok|FAILED) /.test(line))
  expect(verdicts).toEqual([
    'ok      before it: seed 7, rounds undefined',
    'FAILED  throws late',
    'FAILED  rejects into the void',
    'ok      after it: seed 7, rounds undefined',
  ])
  expect(lines.join('\n')).toContain('nobody catches this')
  expect(lines.join('\n')).toContain('nobody handles this')
  expect(lines.at(-1)).toBe('2 passed, 2 failed')
  expect(code).toBe(1)
})

test('a suite that cannot be loaded is a failed line, not the end of the run', async () => {
  const { code, lines } = await run('missing', 'good')
  expect(lines[1]).toBe('FAILED  missing: the suite cannot be loaded')
  expect(lines.at(-1)).toBe('3 passed, 1 failed')
  expect(code).toBe(1)
})

test('a process warning fails the case that caused it', async () => {
  const { code, lines } = await run('warning')
  expect(lines[1]).toMatch(/^FAILED {2}warns/)
  expect(lines[2]).toContain('process warning Warning: too much of it')
  expect(code).toBe(1)
})

test('a seed is chosen and said when none is given', async () => {
  const [first, second] = await Promise.all([run('good'), run('good')])
  expect(first.lines[0]).toMatch(/^seed [1-9]\d*$/)
  expect(first.lines[0]).not.toBe(second.lines[0])
  const seed = first.lines[0]?.slice('seed '.length)
  expect(first.lines[1]).toBe(`ok      one: seed ${seed}, rounds undefined`)
})

test('shards share the cases of all suites, none twice, none left out', async () => {
  const shards = await Promise.all(
    ['1/2', '2/2'].map((shard) => run('good', 'bad', '--shard', shard)),
  )
  const names = shards.map(({ lines }) =>
    lines.flatMap((line) => /^(?:ok|FAILED) +(\w+):/.exec(line)?.[1] ?? []),
  )
  expect(names).toEqual([
    ['one', 'three', 'well'],
    ['two', 'broken'],
  ])
})

test('jobs run cases at once, and each is told once', async () => {
  const { code, lines } = await run('good', '--jobs', '2')
  expect(lines.filter((line) => line.startsWith('ok')).toSorted()).toHaveLength(3)
  expect(lines.at(-1)).toBe('3 passed, 0 failed')
  expect(code).toBe(0)
})

test('the list names the suites and their cases, and runs none', async () => {
  const { code, lines } = await run('--list', 'good')
  expect(lines).toEqual(['good', '        one', '        two', '        three'])
  expect(code).toBe(0)
})

test.each([
  [['nothing'], 'no suite "nothing"; there are good, bad, crashing, warning, missing\n'],
  [['--rounds', 'many'], '--rounds: expected an integer from 1, got "many"\n'],
  [['--seed', '-1'], undefined],
  [['--shard', '3/2'], '--shard: expected I/N with I from 1 to N, such as 1/2, got "3/2"\n'],
  [['--wrong'], undefined],
])('%j is refused with exit code 2', async (args, message) => {
  const { code, lines, stderr } = await run(...args)
  if (message !== undefined) expect(stderr).toBe(message)
  expect(stderr).not.toContain('    at ')
  expect(lines).toEqual([])
  expect(code).toBe(2)
})

test('every suite of the project can be loaded, has cases, and is in the documentation', async () => {
  const child = spawn(process.execPath, [RUNNER, '--list'])
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  expect(stdout).not.toContain('FAILED')
  const lists = stdout.split(/\n(?=\S)/).map((text) => text.trimEnd().split('\n'))
  expect(lists.filter((lines) => lines.length < 2)).toEqual([])
  const page = readFileSync(join(import.meta.dirname, '../../docs/reliability.md'), 'utf8')
  const inFull = [...page.matchAll(/^\| `([a-z-]+)` \| /gm)].map(([, name]) => name)
  expect(new Set(inFull)).toEqual(new Set(lists.map(([name]) => name)))
  expect(inFull).toHaveLength(lists.length)
})
