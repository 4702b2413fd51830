import { setFlagsFromString } from 'node:v8'
import { expect, it } from 'vitest'
import { currentScope } from '../../../src/context/scope.ts'
import type { RunningAttempt } from '../../../src/executor/running-attempt.ts'
import { createExecutor, defineTask } from '../../../src/index.ts'

setFlagsFromString('--allow-natives-syntax')
// eslint-disable-next-line typescript/no-implied-eval -- it has no other spelling
const isFast = new Function('object', 'return %HasFastProperties(object)') as (
  object: object,
) => boolean

it('keeps the parts of an executor out of hash tables', async () => {
  let attempt: RunningAttempt | undefined
  const look = defineTask({
    name: 'look',
    run: async () => {
      attempt = currentScope()?.attempt as RunningAttempt
    },
  })
  await using executor = createExecutor({ tasks: [look], observers: [] })
  await (await executor.enqueue(look)).result()
  const { core } = attempt as RunningAttempt
  // A getter in an object literal is enough to make each of its properties a look-up: a fifth of all time, once.
  expect(
    isFast({
      get size() {
        return 0
      },
    }),
  ).toBe(false)
  const parts = Object.entries({ core, ...core }).filter(([, part]) => typeof part === 'object')
  expect(parts.length).toBeGreaterThan(20)
  const slow = parts.filter(([, part]) => !isFast(part as object)).map(([name]) => name)
  expect(slow).toEqual([])
})
