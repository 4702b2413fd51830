import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { localEngine } from '../../../src/engines/local/engine.ts'
import { createExecutor, defineTask } from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { engineCases, inlineEngine } from '../../../src/testing.ts'
import { gate, recorded } from '../../support/recorded.ts'

function file(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'tasks.db')
}

describe('localEngine on SQLite', () => {
  test.each(engineCases)('$name', ({ run }) =>
    run({
      hasSlots: true,
      create: (options) =>
        createExecutor({ ...options, engine: localEngine(), backend: sqliteBackend(file()) }),
    }),
  )
})

describe('inlineEngine on SQLite', () => {
  test.each(engineCases.filter(({ slots }) => slots !== true))('$name', ({ run }) =>
    run({
      hasSlots: false,
      create: (options) =>
        createExecutor({ ...options, engine: inlineEngine(), backend: sqliteBackend(file()) }),
    }),
  )
})

describe('closing on SQLite', () => {
  test('gives up what waits, requeues or interrupts what runs, and the next executor finds it so', async () => {
    const path = file()
    const started = gate()
    let runs = 0
    const deaf = defineTask({
      name: 'deaf',
      run() {
        runs += 1
        if (runs === 2) started.open()
        return new Promise(() => {})
      },
    })
    const first = recorded({
      tasks: [deaf],
      backend: sqliteBackend(path),
      concurrency: 2,
      shieldGrace: 0,
    })
    const requeued = await first.executor.enqueue(deaf, undefined, { requeueOnInterrupt: true })
    const interrupted = await first.executor.enqueue(deaf)
    const pending = await first.executor.enqueue(deaf)
    const later = await first.executor.enqueue(deaf, undefined, { delay: '1h' })
    await started.promise
    const startedAt = performance.now()
    await first.executor.close({ grace: 0 })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(first.types(requeued.id).at(-1)).toBe('task.requeued')
    expect(first.types(interrupted.id).at(-1)).toBe('task.interrupted')
    expect(first.only('executor.closed')[0]?.left).toEqual({ pending: 2 })

    const ran = defineTask({ name: 'deaf', run: () => 'ran' })
    const next = recorded({ tasks: [ran], backend: sqliteBackend(path) })
    await next.executor.start()
    await next.executor.drain()
    const status = async (id: string) => (await next.executor.get(id))?.status
    expect(
      await Promise.all([requeued, pending, interrupted, later].map(({ id }) => status(id))),
    ).toEqual(['succeeded', 'succeeded', 'interrupted', 'scheduled'])
  })
})
