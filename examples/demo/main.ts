/**
 * The demo: every file below a folder is a task. `npm run demo [-- DIR]`; without DIR, this repository.
 *
 * SQLite keeps the records, the console shows the events, and a summary ends it.
 */

import { statSync } from 'node:fs'
import { extname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { consoleObserver } from '../../src/console.ts'
import { createExecutor } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { filesBelow } from './files.ts'
import { recordsOf, summaryOf } from './summary.ts'
import { countLines, packFile } from './tasks.ts'

const repository = join(import.meta.dirname, '../..')
const { positionals } = parseArgs({ allowPositionals: true })
// npm runs scripts in the repository: a relative folder is meant from where the user typed.
const folder = resolve(process.env['INIT_CWD'] ?? process.cwd(), positionals[0] ?? repository)

if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
  console.error(`demo: ${folder} is not a folder; usage: npm run demo [-- DIR]`)
  process.exitCode = 1
} else {
  await main()
}

async function main(): Promise<void> {
  const database = join(repository, 'plainsight-demo.db')
  const executor = createExecutor({
    tasks: [packFile, countLines],
    backend: sqliteBackend(database),
    // The children would double the output: of them, only what goes wrong.
    observers: [
      consoleObserver({ format: 'human', minLevel: { default: 'info', 'count-lines': 'warning' } }),
    ],
    concurrency: 8,
    handleSignals: true,
  })
  const run = new Date().toISOString()
  const startedAt = performance.now()
  try {
    await executor.start()
    const files: string[] = []
    for await (const path of filesBelow(folder)) files.push(path)
    await executor.enqueueMany(
      files.map((path) => ({
        task: packFile,
        input: { path },
        options: {
          tags: { type: extname(path).slice(1) || 'none', run },
          label: relative(folder, path).slice(-200),
        },
      })),
    )
    await executor.drain()
    const records = await recordsOf(executor, run)
    const totalMs = performance.now() - startedAt
    await executor.close()
    console.log(summaryOf(records, totalMs, database))
  } finally {
    await executor.close()
  }
}
