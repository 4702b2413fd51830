import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const DIRECTORY = join(import.meta.dirname, '..', '..', '..', 'benchmarks')

function run(program: 'run.ts' | 'check.ts', args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(DIRECTORY, program), ...args],
    { encoding: 'utf8', timeout: 20_000, env: { ...process.env, REDIS_SERVER_BIN: '/nowhere' } },
  )
  return { status, stdout, stderr }
}

test.each([
  ['run.ts', ['nothing'], 'bench: there is no subject "nothing"'],
  ['run.ts', ['core', '--rounds', '0'], 'bench: --rounds: expected a whole number above 0, got 0'],
  ['run.ts', ['--loud'], "bench: Unknown option '--loud'"],
  ['run.ts', ['core', '--compare', '/nowhere'], 'bench: --compare: there is no result in /nowhere'],
  ['check.ts', ['nothing'], 'bench:check: there is no subject "nothing"'],
  ['check.ts', ['core', '--rounds', '3'], "bench:check: Unknown option '--rounds'"],
  [
    'check.ts',
    ['size'],
    'bench:check: a short run cannot tell the ratios of size; npm run bench -- size does',
  ],
] as const)('%s %j is refused before anything is measured', (program, args, says) => {
  const { status, stdout, stderr } = run(program, args)
  expect(stderr).toContain(says)
  expect(stderr).not.toContain('    at ')
  expect(stdout).toBe('')
  expect(status).toBe(1)
})

test('a check that could measure nothing has not passed', () => {
  const { status, stdout, stderr } = run('check.ts', ['stream'])
  expect(stdout).toBe(
    'stream: left out: what takes Redis: REDIS_SERVER_BIN is /nowhere, which cannot be executed\n',
  )
  expect(stderr).toBe('bench:check: nothing could be measured\n')
  expect(status).toBe(1)
})
