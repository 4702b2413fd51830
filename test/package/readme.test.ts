import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { programsOf, readDocument, runProgram } from './doc-blocks.ts'
import { root } from './source-files.ts'

const [program, ...more] = programsOf('README.md')

describe('README.md', () => {
  it('has one program, with what it prints', () => {
    expect(program?.output).toBeDefined()
    expect(more).toEqual([])
  })

  it('shows the program that is in examples', () => {
    expect(program?.code).toBe(readFileSync(join(root, 'examples/01-readme.ts'), 'utf8'))
  })

  it('says exactly what the program prints', { timeout: 20_000 }, async () => {
    expect(await runProgram(program?.code ?? '')).toEqual({
      exitCode: 0,
      stdout: program?.output,
      stderr: '',
    })
  })

  it('has at most 200 lines', () => {
    expect(readDocument('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200)
  })

  it('has a row for every entry point', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, unknown>>
    }
    const doors = Object.keys(manifest.exports).filter((name) => name !== './package.json')
    const rows = readDocument('README.md').match(/^\| `plainsight[^`]*`/gm) ?? []
    expect(rows.map((row) => row.slice(3, -1)).toSorted()).toEqual(
      doors.map((name) => name.replace(/^\./, 'plainsight')).toSorted(),
    )
  })
})
