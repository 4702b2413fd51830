/** Proof that the check can fail: the same check on a copy of this checkout with a slowdown planted in it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const repository = join(import.meta.dirname, '..')
const COPIED = ['src', 'test/support', 'benchmarks', 'package.json', 'tsconfig.json']
const LEFT_OUT = ['benchmarks/node_modules', 'benchmarks/results']
const LINKED = ['node_modules', 'benchmarks/node_modules']

const PLACE = 'src/events/bus.ts'
const BEFORE = '    publish(event, except) {\n'
/** What the law of events forbids: to serialise each of them, wanted so or not. */
const SLOWDOWN = '      JSON.stringify(event)\n'

/** The source with the slowdown in it. */
export function planted(source: string): string {
  if (source.split(BEFORE).length !== 2)
    throw new Error(`${PLACE} has changed: the slowdown has no place in it`)
  return source.replace(BEFORE, BEFORE + SLOWDOWN)
}

/** Answers an exit code: 0 when the check has found the slowdown. */
export async function runPlanted(subjects: readonly string[]): Promise<number> {
  const copy = mkdtempSync(join(tmpdir(), 'plainsight-planted-'))
  try {
    for (const path of COPIED) {
      const filter = (from: string): boolean => !LEFT_OUT.includes(relative(repository, from))
      cpSync(join(repository, path), join(copy, path), { recursive: true, filter })
    }
    for (const path of LINKED) symlinkSync(join(repository, path), join(copy, path))
    const source = readFileSync(join(copy, PLACE), 'utf8')
    writeFileSync(join(copy, PLACE), planted(source))
    console.log(
      `A JSON.stringify per event is planted in ${join(copy, PLACE)}: the check has to fail.`,
    )
    const args = [join(copy, 'benchmarks/check.ts'), ...subjects]
    const child = spawn(process.execPath, args, { cwd: copy, stdio: 'inherit' })
    const [code] = (await once(child, 'exit')) as [number | null]
    const isFound = code === 1
    console.log(isFound ? 'The slowdown was found.' : `The slowdown was not found: exit ${code}.`)
    return isFound ? 0 : 1
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
