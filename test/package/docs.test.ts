import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { EVENT_LEVELS } from '../../src/events/event.ts'
import { EXECUTION_OPTION_NAMES } from '../../src/task/resolve-options.ts'
import {
  documents,
  programsOf,
  readDocument,
  runProgram,
  type Program,
  type Run,
} from './doc-blocks.ts'
import { readSources, root } from './source-files.ts'

const pages = documents().filter((path) => path !== 'README.md')
const programs = pages.flatMap((path) => programsOf(path))
const sources = readSources()

describe('the programs in docs', () => {
  const runs = new Map<Program, Promise<Run>>()

  // Two at a time: each is a process of its own, and the rest of the tests runs beside them.
  beforeAll(() => {
    const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()]
    for (const [index, program] of programs.entries()) {
      const lane = index % lanes.length
      const run = (lanes[lane] ?? Promise.resolve()).then(() => runProgram(program.code))
      runs.set(program, run)
      lanes[lane] = run.catch(() => undefined)
    }
  })

  it.each(programs.map((program) => [program.place, program] as const))(
    '%s runs, and prints what the page says',
    { timeout: 60_000 },
    async (_place, program) => {
      const run = await runs.get(program)
      expect(run).toMatchObject({ exitCode: 0, stderr: '' })
      expect(run?.stdout).toBe(program.output)
    },
  )

  it('compile as strictly as ours', { timeout: 30_000 }, async () => {
    expect(await compilerMessages(programs)).toBe('')
  })
})

describe('docs/errors.md', () => {
  it('has a row for every error class, with its code', () => {
    const classes = [...sources.values()].flatMap((text) =>
      [...text.matchAll(/class (\w+) extends PlainsightError \{.*?super\(\s*'(\w+)'/gs)].map(
        ([, name, code]) => `${code} ${name}`,
      ),
    )
    expect(classes.length).toBeGreaterThan(15)
    const rows = [...readDocument('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| `(\w+)` \|/gm)]
    expect(rows.map(([, code, name]) => `${code} ${name}`).toSorted()).toEqual(classes.toSorted())
  })

  it('has every code of the type ErrorCode', () => {
    const union = /type ErrorCode =([^/]*?)\n\n/.exec(sources.get('task/errors.ts') ?? '')?.[1]
    const codes = [...(union ?? '').matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(15)
    const page = readDocument('docs/errors.md')
    expect(codes.filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([])
  })
})

describe('docs/events.md', () => {
  it('has a row for every event type, with its level', () => {
    const rows = new Map(
      [...readDocument('docs/events.md').matchAll(/^\| `([a-z_]+\.[a-z_]+)` \| ([^|]*) \|/gm)].map(
        ([, type = '', level = '']) => [type, level],
      ),
    )
    expect([...rows.keys()].toSorted()).toEqual(Object.keys(EVENT_LEVELS).toSorted())
    const wrong = Object.entries(EVENT_LEVELS).filter(
      ([type, level]) => rows.get(type)?.includes(`\`${level}\``) !== true,
    )
    expect(wrong).toEqual([])
  })
})

describe('docs/tasks.md', () => {
  const options = firstCells('docs/tasks.md')

  it('has a row for every execution option', () => {
    expect([...EXECUTION_OPTION_NAMES].filter((name) => !options.has(name))).toEqual([])
  })

  it('has a row for every option of a call and of a definition', () => {
    const names = [
      ...fieldsOf('task/enqueue-options.ts', 'EnqueueOptions'),
      ...fieldsOf('task/definition.ts', 'DefinitionOptions'),
    ]
    expect(names.length).toBeGreaterThan(8)
    expect(names.filter((name) => !options.has(name))).toEqual([])
  })
})

describe('docs/executor.md', () => {
  const names = firstCells('docs/executor.md')

  it.each([
    ['option', fieldsOf('executor/options.ts', 'ExecutorOptions')],
    ['method', fieldsOf('executor/api.ts', 'Executor')],
  ])('has a row for every %s of an executor', (_what, expected) => {
    expect(expected.length).toBeGreaterThan(10)
    expect(expected.filter((name) => !names.has(name))).toEqual([])
  })
})

describe('the links in README and docs', () => {
  it('lead to a file, and to a heading where they name one', () => {
    const broken = documents().flatMap((path) =>
      [...readDocument(path).matchAll(/\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)/g)]
        .filter(([, target = '', anchor = '']) => {
          const file = target === '' ? path : join(dirname(path), target)
          if (!existsSync(join(root, file))) return true
          return anchor !== '' && file.endsWith('.md') && !anchorsOf(file).has(anchor)
        })
        .map(([link]) => `${path}: ${link}`),
    )
    expect(broken).toEqual([])
  })
})

/** The names in backquotes in the first cell of each table row. */
function firstCells(path: string): ReadonlySet<string> {
  const rows = readDocument(path).match(/^\| `[^|]*\|/gm) ?? []
  return new Set(rows.flatMap((row) => [...row.matchAll(/`(\w+)/g)].map(([, name = '']) => name)))
}

/** The fields and methods that an interface declares itself. */
function fieldsOf(file: string, name: string): readonly string[] {
  const text = sources.get(file) ?? ''
  const body = new RegExp(`interface ${name} [^{]*\\{\\n(.*?)\\n\\}`, 's').exec(text)?.[1] ?? ''
  const found = [...body.matchAll(/^ {2}(?:readonly )?(\w+)(?:\??:|[(<])/gm)]
  return [...new Set(found.map(([, field = '']) => field))]
}

/** As GitHub makes them of headings. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = readDocument(path).match(/^#+ .*$/gm) ?? []
  return new Set(
    headings.map((heading) => {
      const text = heading.replace(/^#+ /, '').toLowerCase()
      return `#${text.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')}`
    }),
  )
}

/** What the compiler says of the programs, each a file of its own; nothing when all is well. */
async function compilerMessages(checked: readonly Program[]): Promise<string> {
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'docs-'))
  try {
    for (const { place, code } of checked) {
      writeFileSync(join(directory, `${place.replaceAll(/[/:]/g, '-')}.mts`), code)
    }
    const config = { extends: join(root, 'tsconfig.json'), include: ['*.mts'] }
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    await promisify(execFile)(process.execPath, [tsc, '-p', directory])
    return ''
  } catch (error) {
    return (error as { readonly stdout?: string }).stdout ?? String(error)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
