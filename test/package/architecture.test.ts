import { describe, expect, it } from 'vitest'
import { importLines, loadedWith, violations } from './import-rules.ts'
import { readSources } from './source-files.ts'

const sources = readSources()

describe('src', () => {
  it('keeps to the floors: imports run one way, and in no circle', () => {
    expect(violations(sources)).toEqual([])
  })

  it('loads eventemitter3 and nothing else from outside, apart from built-in modules', () => {
    const loaded = loadedWith('index.ts', sources)
    expect(loaded.filter((name) => !name.startsWith('node:'))).toEqual(['eventemitter3'])
    expect(loaded).not.toContain('node:sqlite')
  })

  it('has no file over 400 lines', () => {
    const lineCount = (text: string): number => text.trimEnd().split('\n').length
    const long = [...sources].filter(([, text]) => lineCount(text) > 400)
    expect(long.map(([path, text]) => `${path}: ${lineCount(text)} lines`)).toEqual([])
  })
})

/** A small healthy tree, in which each planted line below is the only thing wrong. */
const healthy: Readonly<Record<string, string>> = {
  'index.ts': `export { createExecutor } from './executor/executor.ts'\nimport './backends/memory.ts'`,
  'pino.ts': `import { pino } from 'pino'\nexport { pinoObserver } from './observers/pino.ts'`,
  'task/record.ts': `import type { Level } from './level.ts'`,
  'task/level.ts':
    '/** @example import { x } from "../executor/executor.ts" */\nexport type Level = 1',
  'events/bus.ts': `import { EventEmitter } from 'eventemitter3'\nimport type { A } from './event.ts'`,
  'events/event.ts': `export type { Level } from '../task/level.ts'`,
  'backends/backend.ts': `import type { TaskRecord } from '../task/record.ts'`,
  'backends/memory.ts': `import type { Backend } from './backend.ts'\nimport 'node:fs'`,
  'backends/sqlite/backend.ts': `import { DatabaseSync } from 'node:sqlite'\nimport '../backend.ts'`,
  'engines/engine.ts': `import '../task/record.ts'`,
  'engines/local/queue.ts': `import '../engine.ts'`,
  'context/current.ts': `import 'node:async_hooks'\nimport '../events/bus.ts'\nimport '../task/level.ts'`,
  'observers/observer.ts': `import '../events/event.ts'`,
  'observers/pino.ts': `import type { Logger } from 'pino'\nimport { type A } from './observer.ts'`,
  'executor/executor.ts': `
    import 'node:crypto'
    import '../context/current.ts'
    import type { Backend } from '../backends/backend.ts'
    import type { Engine } from '../engines/engine.ts'
    import type { Observer } from '../observers/observer.ts'`,
  'http/api.ts': `import '../executor/executor.ts'`,
  'cli/main.ts': `import '../http/api.ts'`,
  'testing/cases.ts': `import '../backends/memory.ts'\nimport '../engines/local/queue.ts'`,
}

describe('the checker', () => {
  it('has nothing against a healthy tree', () => {
    expect(violations(new Map(Object.entries(healthy)))).toEqual([])
  })

  it.each([
    ['task/level.ts', `import '../events/event.ts'`],
    ['task/level.ts', `import { randomUUID } from 'node:crypto'`],
    ['task/level.ts', `import type { StandardSchemaV1 } from '@standard-schema/spec'`],
    ['events/event.ts', `import { EventEmitter } from 'eventemitter3'`],
    ['events/event.ts', `import type { EventEmitter } from 'eventemitter3'`],
    ['events/event.ts', `import '../context/current.ts'`],
    ['events/event.ts', `import 'node:util'`],
    ['backends/memory.ts', `import type { TaskEvent } from '../events/event.ts'`],
    ['backends/memory.ts', `import { DatabaseSync } from 'node:sqlite'`],
    ['backends/memory.ts', `import '../engines/engine.ts'`],
    ['engines/local/queue.ts', `import type { TaskEvent } from '../../events/event.ts'`],
    ['engines/local/queue.ts', `import '../../backends/backend.ts'`],
    ['engines/local/queue.ts', `import 'node:timers/promises'`],
    ['context/current.ts', `import '../backends/backend.ts'`],
    ['context/current.ts', `import 'node:crypto'`],
    ['observers/pino.ts', `import { pino } from 'pino'`],
    ['observers/pino.ts', `import { type Logger, pino } from 'pino'`],
    ['observers/pino.ts', `import 'pino'`],
    ['observers/pino.ts', `import type { Backend } from '../backends/backend.ts'`],
    ['observers/pino.ts', `import '../context/current.ts'`],
    ['observers/pino.ts', `import type { Executor } from '../executor/executor.ts'`],
    ['executor/executor.ts', `import '../backends/memory.ts'`],
    ['executor/executor.ts', `import type { A } from '../observers/pino.ts'`],
    ['executor/executor.ts', `import '../engines/local/queue.ts'`],
    ['executor/executor.ts', `import type { Logger } from 'pino'`],
    ['executor/executor.ts', `import '../http/api.ts'`],
    ['testing/cases.ts', `import { it } from 'vitest'`],
    ['testing/cases.ts', `import '../executor/executor.ts'`],
    ['http/api.ts', `import '../cli/main.ts'`],
    ['executor/executor.ts', `export { defineTask } from '../index.ts'`],
    ['pino.ts', `import './index.ts'`],
    ['pino.ts', `import { createExecutor } from 'plainsight'`],
    ['pino.ts', `import 'fs'`],
    ['pino.ts', `import './observers/missing.ts'`],
    ['util/misc.ts', `import '../task/level.ts'`],
    // However it is written
    ['task/level.ts', `export * from '../events/event.ts'`],
    ['task/level.ts', `export type { Level as L } from '../events/event.ts'`],
    ['task/level.ts', `export type A = import('../events/event.ts').Level`],
    ['task/level.ts', `export const bus = () => import('../events/bus.ts')`],
    ['task/level.ts', `export type B = typeof import('../events/bus.ts')`],
  ])('finds in %s the planted line %s', (path, line) => {
    const planted = new Map(Object.entries(healthy))
    planted.set(path, `${planted.get(path) ?? ''}\n${line}\n`)
    const found = violations(planted)
    expect(found.filter((sentence) => !sentence.startsWith('a cycle'))).toHaveLength(1)
    expect(found[0]).toContain(`${path} imports `)
  })

  it.each([
    [`import './level.ts'`, `import './record.ts'`],
    [`import type { L } from './level.ts'`, `import type { R } from './record.ts'`],
    [`export type A = import('./level.ts').L`, `export { type R } from './record.ts'`],
  ])('finds the circle of %s and %s', (first, second) => {
    const planted = new Map([
      ['task/record.ts', first],
      ['task/level.ts', second],
    ])
    expect(violations(planted)).toEqual([
      'a cycle: task/record.ts → task/level.ts → task/record.ts',
    ])
  })

  it('finds a file that imports itself', () => {
    expect(violations(new Map([['task/a.ts', `import type { A } from './a.ts'`]]))).toEqual([
      'a cycle: task/a.ts → task/a.ts',
    ])
  })

  it('reads no import lines out of comments and strings', () => {
    const text = `// import './a.ts'\n/* import './b.ts' */\nconst s = "import './c.ts'"\nconst t = \`import './d.ts'\``
    expect(importLines('task/x.ts', text)).toEqual([])
  })

  it('tells a line that vanishes from one that runs', () => {
    const typeOnly = (text: string): readonly boolean[] =>
      importLines('task/x.ts', text).map((line) => line.typeOnly)
    expect(typeOnly(`import type { A } from './a.ts'`)).toEqual([true])
    expect(typeOnly(`import type A from './a.ts'`)).toEqual([true])
    expect(typeOnly(`import type * as A from './a.ts'`)).toEqual([true])
    expect(typeOnly(`import { type A } from './a.ts'`)).toEqual([true])
    expect(typeOnly(`export type { A } from './a.ts'`)).toEqual([true])
    expect(typeOnly(`export type * from './a.ts'`)).toEqual([true])
    expect(typeOnly(`import type {} from './a.ts'`)).toEqual([true])
    expect(typeOnly(`import type from './a.ts'`)).toEqual([false])
    expect(typeOnly(`import { type A, b } from './a.ts'`)).toEqual([false])
    expect(typeOnly(`import './a.ts'`)).toEqual([false])
    expect(typeOnly(`import {} from './a.ts'`)).toEqual([false])
    expect(typeOnly(`export * from './a.ts'`)).toEqual([false])
    expect(typeOnly(`export { type A, b } from './a.ts'`)).toEqual([false])
  })
})
