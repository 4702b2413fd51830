import { describe, test } from 'vitest'
import { localEngine } from '../../../src/engines/local/engine.ts'
import { createExecutor, memoryBackend } from '../../../src/index.ts'
import { engineCases, faultyBackend, inlineEngine } from '../../../src/testing.ts'

describe('localEngine', () => {
  test.each(engineCases)('$name', ({ run }) =>
    run({
      hasSlots: true,
      create: (options) => createExecutor({ ...options, engine: localEngine() }),
    }),
  )
})

describe('localEngine, with a store that answers later', () => {
  test.each(engineCases)('$name', ({ run }) =>
    run({
      hasSlots: true,
      create: (options) =>
        createExecutor({
          ...options,
          engine: localEngine(),
          backend: faultyBackend(memoryBackend(), () => undefined),
        }),
    }),
  )
})

describe('inlineEngine', () => {
  test.each(engineCases.filter(({ slots }) => slots !== true))('$name', ({ run }) =>
    run({
      hasSlots: false,
      create: (options) => createExecutor({ ...options, engine: inlineEngine() }),
    }),
  )
})
