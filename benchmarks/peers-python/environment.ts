/** The Python of this folder: a virtual environment with the packages of requirements.txt, made when it is asked for. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, MissingProgramError, type Program } from '../../scripts/services/program.ts'

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt')
const DIRECTORY = join(import.meta.dirname, '.venv')
/** What is installed there; written last. */
const STAMP = join(DIRECTORY, 'requirements.txt')
const BIN = join(DIRECTORY, process.platform === 'win32' ? 'Scripts' : 'bin')

const PYTHON3: Program = {
  name: 'python3',
  variable: 'PYTHON3_BIN',
  packages: {
    'apt-get': 'python3-venv',
    dnf: 'python3',
    apk: 'python3',
    pacman: 'python',
    brew: 'python',
  },
}

export const PYTHON: string = join(BIN, 'python')

/**
 * Installs what is not installed yet.
 *
 * @throws {MissingProgramError} when there is no Python here, or its packages cannot be had
 */
export function preparePython(): void {
  const wanted = readFileSync(REQUIREMENTS, 'utf8')
  if (existsSync(STAMP) && existsSync(PYTHON) && readFileSync(STAMP, 'utf8') === wanted) return
  const python = findProgram(PYTHON3)
  console.error(`installing the packages of ${REQUIREMENTS} …`)
  rmSync(DIRECTORY, { recursive: true, force: true })
  runOrMiss(
    python,
    ['-m', 'venv', DIRECTORY],
    'python3 -m venv failed (apt-get install python3-venv)',
  )
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  runOrMiss(PYTHON, [...install, '-r', REQUIREMENTS], 'pip cannot install them')
  writeFileSync(STAMP, wanted)
}

function runOrMiss(program: string, args: readonly string[], what: string): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return
  throw new MissingProgramError(
    `${what}: ${error?.message ?? lastLine(stderr) ?? lastLine(stdout)}`,
  )
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)
}

/** The version that requirements.txt asks for. */
export function pythonVersionOf(name: string): string {
  const line = new RegExp(`^${name}==(.+)$`, 'm').exec(readFileSync(REQUIREMENTS, 'utf8'))
  if (line?.[1] === undefined) throw new Error(`${name} is not in ${REQUIREMENTS}`)
  return line[1]
}
