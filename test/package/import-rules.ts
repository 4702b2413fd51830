/** Who may import whom in src: reads import lines, and says which of them break the table of floors. */

import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** The text of each file, by its path inside src with forward slashes: `task/record.ts`. */
export type Sources = ReadonlyMap<string, string>

export interface ImportLine {
  readonly from: string
  /** As written: `./bus.ts`, `node:crypto`, `eventemitter3`. */
  readonly specifier: string
  /** Gone once types are stripped: `import type`, `export type`, `import('…').T`, or every name marked `type`. */
  readonly typeOnly: boolean
}

/** What the files of one folder may import beside each other. Anything unmentioned is forbidden. */
interface Floor {
  /** Folders, entirely; or single files of a folder. */
  readonly ours: readonly string[]
  /** `'any'` leaves out node:sqlite, which has folders of its own. */
  readonly builtins: 'any' | readonly string[]
}

const contracts = ['backends/backend.ts', 'observers/observer.ts', 'engines/engine.ts']
const belowHttp = [
  'task',
  'events',
  'connections',
  'backends',
  'engines',
  'context',
  'observers',
  'executor',
]

/** Five floors; a folder that is not here may not exist. */
const floors: Readonly<Record<string, Floor>> = {
  task: { ours: [], builtins: [] },
  events: { ours: ['task'], builtins: [] },
  connections: { ours: ['task'], builtins: 'any' },
  backends: { ours: ['task', 'connections'], builtins: 'any' },
  engines: { ours: ['task'], builtins: [] },
  context: { ours: ['task', 'events'], builtins: ['node:async_hooks'] },
  observers: { ours: ['task', 'events', 'connections'], builtins: 'any' },
  executor: { ours: ['task', 'events', 'context', ...contracts], builtins: 'any' },
  http: { ours: belowHttp, builtins: 'any' },
  cli: { ours: [...belowHttp, 'http'], builtins: 'any' },
  testing: { ours: ['task', 'events', 'backends', 'engines', 'observers'], builtins: 'any' },
}

/** Packages, and built-in modules that not every file may load: which files may, and whether only as a type. */
const packages: Readonly<
  Record<string, { readonly where: string | readonly string[]; readonly typeOnly?: boolean }>
> = {
  eventemitter3: { where: 'events/bus.ts' },
  pino: { where: 'observers', typeOnly: true },
  '@opentelemetry/api': { where: 'observers/otel' },
  '@opentelemetry/instrumentation': { where: 'observers/otel', typeOnly: true },
  '@opentelemetry/sdk-node': { where: 'observers/otel/start-telemetry.ts' },
  'node:sqlite': { where: ['backends/sqlite', 'observers/sqlite-stream'] },
  ioredis: { where: 'connections' },
}

export function importLines(from: string, source: string): readonly ImportLine[] {
  const { program, module, errors } = parseSync(from, source, { lang: 'ts' })
  if (errors.length > 0) throw new Error(`${from} does not parse: ${errors[0]?.message}`)
  const lines: ImportLine[] = []
  const add = (specifier: string, typeOnly: boolean): void => {
    lines.push({ from, specifier, typeOnly })
  }
  for (const line of module.staticImports) {
    // `import './x.ts'` names nothing, and runs.
    const typeOnly = line.entries.length > 0 && line.entries.every((entry) => entry.isType)
    add(line.moduleRequest.value, typeOnly || startsWithType(source, line.start, 'import'))
  }
  for (const line of module.staticExports) {
    const outside = line.entries.filter((entry) => entry.moduleRequest !== null)
    const specifier = outside[0]?.moduleRequest?.value
    if (specifier === undefined) continue
    add(
      specifier,
      outside.every((entry) => entry.isType),
    )
  }
  visit(program, (node) => {
    if (node['type'] === 'ImportExpression') add(literal(node['source']), false)
    if (node['type'] === 'TSImportType') add(literal(node['source'] ?? node['argument']), true)
    if (node['type'] === 'TSExternalModuleReference') add(literal(node['expression']), false)
  })
  return lines
}

/** One sentence per broken rule; none is what a healthy tree gives. */
export function violations(sources: Sources): readonly string[] {
  const lines = [...sources].flatMap(([path, text]) => importLines(path, text))
  const broken = lines.flatMap((line) => {
    const problem = problemOf(line, sources)
    return problem === undefined ? [] : [`${line.from} imports ${line.specifier}: ${problem}`]
  })
  return [...broken, ...cycles(lines, sources).map((path) => `a cycle: ${path.join(' → ')}`)]
}

/** Every package and built-in module that loads together with `door`, types aside. */
export function loadedWith(door: string, sources: Sources): readonly string[] {
  const seen = new Set<string>()
  const outside = new Set<string>()
  const follow = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    for (const line of importLines(path, sources.get(path) ?? '')) {
      if (line.typeOnly) continue
      if (line.specifier.startsWith('.')) follow(resolved(line))
      else outside.add(line.specifier)
    }
  }
  follow(door)
  return [...outside].toSorted()
}

function problemOf(line: ImportLine, sources: Sources): string | undefined {
  const folder = folderOf(line.from)
  const floor = floors[folder]
  if (folder !== '' && floor === undefined) return `no rule names the folder ${folder}`
  if (!line.specifier.startsWith('.')) return outsideProblem(line, floor)

  const target = resolved(line)
  if (!sources.has(target)) return 'there is no such file'
  const targetFolder = folderOf(target)
  if (targetFolder === '') return 'nothing imports a door'
  if (floor === undefined || targetFolder === folder) return undefined
  if (floor.ours.includes(targetFolder) || floor.ours.includes(target)) return undefined
  const allowed = floor.ours.length === 0 ? 'nothing outside it' : floor.ours.join(', ')
  return `${folder} may import ${allowed}`
}

/** Packages and built-in modules. Doors may load any that exists; whether it may be a dependency is package.json's affair. */
function outsideProblem(line: ImportLine, floor: Floor | undefined): string | undefined {
  if (line.specifier === 'plainsight' || line.specifier.startsWith('plainsight/'))
    return 'inside src, files are imported by their path'
  const isBuiltin = line.specifier.startsWith('node:')
  if (!isBuiltin && builtinModules.includes(line.specifier))
    return 'built-in modules are written node:…'
  if (floor === undefined) return undefined

  const rule = packages[line.specifier]
  if (rule !== undefined) {
    const places = [rule.where].flat()
    if (!places.some((place) => line.from === place || line.from.startsWith(`${place}/`)))
      return `only ${places.join(' and ')} may`
    return rule.typeOnly === true && !line.typeOnly ? 'only as a type' : undefined
  }
  if (!isBuiltin) return 'no rule names this package'
  if (floor.builtins === 'any' || floor.builtins.includes(line.specifier)) return undefined
  return `${folderOf(line.from)} may import ${floor.builtins.join(', ') || 'no built-in module'}`
}

/** Each cycle once, as the files on it; type-only lines count like any other. */
function cycles(lines: readonly ImportLine[], sources: Sources): readonly (readonly string[])[] {
  const targets = new Map<string, string[]>([...sources.keys()].map((path) => [path, []]))
  for (const line of lines) {
    if (line.specifier.startsWith('.')) targets.get(line.from)?.push(resolved(line))
  }
  const found: string[][] = []
  const done = new Set<string>()
  const trail: string[] = []
  const follow = (path: string): void => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path])
      return
    }
    if (done.has(path)) return
    trail.push(path)
    for (const target of targets.get(path) ?? []) follow(target)
    trail.pop()
    done.add(path)
  }
  for (const path of sources.keys()) follow(path)
  return found
}

function resolved(line: ImportLine): string {
  return posix.normalize(posix.join(posix.dirname(line.from), line.specifier))
}

/** The first folder of the path; empty for a door. */
function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : ''
}

/** `import type {} from` has no names to look at. */
function startsWithType(source: string, start: number, keyword: string): boolean {
  return new RegExp(`^${keyword}\\s+type\\b(?!\\s*(,|from\\b))`).test(
    source.slice(start, start + 80),
  )
}

type Node = Readonly<Record<string, unknown>>

function visit(value: unknown, onNode: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) visit(item, onNode)
    return
  }
  const node = value as Node
  if (typeof node['type'] === 'string') onNode(node)
  for (const child of Object.values(node)) visit(child, onNode)
}

function literal(value: unknown): string {
  const node = value as {
    readonly value?: unknown
    readonly literal?: { readonly value?: unknown }
  }
  const text = node.value ?? node.literal?.value
  if (typeof text !== 'string')
    throw new Error('an import whose specifier is computed cannot be checked')
  return text
}
