/** A program of the machine: where it is, and how its package manager brings it. */

import { delimiter } from 'node:path'
import { command, firstExecutable, isExecutable, onPath } from './command.ts'

/** How the package managers install something without asking. The first that is on the PATH is used. */
const INSTALLERS = {
  'apt-get': ['install', '--yes', '--no-install-recommends'],
  dnf: ['install', '--assumeyes'],
  apk: ['add'],
  pacman: ['--sync', '--noconfirm'],
  brew: ['install'],
} as const

type Manager = keyof typeof INSTALLERS

export interface Program {
  /** Of its file. */
  readonly name: string
  /** The environment variable that names the file. */
  readonly variable: string
  /** Folders to look into after those of PATH. */
  readonly folders?: () => readonly string[]
  /** What has it, by package manager. */
  readonly packages: Readonly<Record<Manager, string>>
}

/** It is not on this machine, and cannot be had; the message says how to get it. */
export class MissingProgramError extends Error {}

/**
 * The file of the program: the one that the environment names, or the first that can be executed.
 *
 * @throws {MissingProgramError} when there is none, or what the environment names cannot be executed
 */
export function findProgram(
  program: Program,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const found = lookFor(program, env)
  if (found === undefined) throw missing(program)
  return found
}

/**
 * The same; what is not there is installed through the machine's package manager, if this user may do so.
 *
 * @throws {MissingProgramError} when there is none, and none can be had
 */
export async function bringProgram(program: Program): Promise<string> {
  return lookFor(program, process.env) ?? (await install(program))
}

function lookFor(
  { name, variable, folders }: Program,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const named = env[variable]
  if (named === undefined || named === '')
    return firstExecutable(name, [...(env['PATH'] ?? '').split(delimiter), ...(folders?.() ?? [])])
  if (isExecutable(named)) return named
  throw new MissingProgramError(`${variable} is ${named}, which cannot be executed`)
}

async function install(program: Program): Promise<string> {
  const manager = managerHere()
  if (manager === undefined) throw missing(program, 'no package manager that is known here has it')
  const line = lineOf(program, manager)
  // Homebrew refuses root; the others want it.
  const asRoot = manager === 'brew' || process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (asRoot.length > 0 && onPath('sudo') === undefined)
    throw missing(program, 'only root may install it')
  process.stderr.write(`${program.name}: installing it, once: ${line.join(' ')} …\n`)
  // A package that brings a server would start it.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const run = async (args: readonly string[]): ReturnType<typeof command> => {
    const [first = '', ...rest] = [...asRoot, ...args]
    return command(first, rest, { cwd: '/', env })
  }
  let outcome = await run(line)
  if (outcome.code !== 0 && manager === 'apt-get') {
    // Lists of packages that are missing or old.
    await run(['apt-get', 'update'])
    outcome = await run(line)
  }
  const found = lookFor(program, process.env)
  if (found !== undefined) return found
  throw missing(program, `"${line.join(' ')}" did not bring it`, outcome.output)
}

function managerHere(): Manager | undefined {
  return (Object.keys(INSTALLERS) as Manager[]).find((each) => onPath(each) !== undefined)
}

function lineOf({ packages }: Program, manager: Manager): readonly string[] {
  return [manager, ...INSTALLERS[manager], packages[manager]]
}

/** What to do stands in its first line. */
function missing(program: Program, why?: string, output?: string): MissingProgramError {
  const { name, variable } = program
  const manager = managerHere()
  const line = manager === undefined ? '' : lineOf(program, manager).join(' ')
  const how = manager === undefined ? '' : ` (${manager === 'brew' ? line : `as root: ${line}`})`
  return new MissingProgramError(
    `there is no ${name} here${why === undefined ? '' : `, and ${why}`}: ` +
      `install it${how}, or name its file in ${variable}${output === undefined ? '' : `\n${output}`}`,
  )
}
