import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createExecutor, setFallbackLogger, type Observer } from '../../../src/index.ts'
import { recorded } from '../../support/recorded.ts'

function closing(flush: () => unknown): Observer & { readonly calls: [string, number][] } {
  const calls: [string, number][] = []
  let begun = 0
  return {
    name: 'closing',
    calls,
    onEvent() {},
    flush() {
      begun = performance.now()
      calls.push(['flush', 0])
      return flush()
    },
    close() {
      calls.push(['close', performance.now() - begun])
    },
  }
}

test('an observer whose flush hangs is closed all the same, within the two seconds', async () => {
  const warnings: string[] = []
  setFallbackLogger({ warning: (line) => void warnings.push(line) })
  onTestFinished(() => setFallbackLogger(null))
  const hanging = closing(() => new Promise(() => {}))
  const slow = closing(() => sleep(100))
  const executor = createExecutor({ observers: [hanging, { ...slow, name: 'slow' }] })
  await executor.start()
  const begun = performance.now()
  await executor.close()
  expect(performance.now() - begun).toBeLessThan(2_900)
  expect(hanging.calls.map(([name]) => name)).toEqual(['flush', 'close'])
  expect(hanging.calls[1]?.[1]).toBeGreaterThan(1_500)
  // One that is only slow is closed when it has flushed.
  expect(slow.calls.map(([name]) => name)).toEqual(['flush', 'close'])
  expect(slow.calls[1]?.[1]).toBeLessThan(1_500)
  expect(warnings.filter((line) => line.includes('1600 ms'))).toHaveLength(1)
})

test('an observer whose flush throws or hangs is closed when it is detached, and told on', async () => {
  const { executor, only } = recorded()
  await executor.start()
  const throwing = closing(() => {
    throw new Error('no flush')
  })
  const hanging = closing(() => new Promise(() => {}))
  await Promise.all([throwing, hanging].map((each) => executor.observe(each)()))
  expect(throwing.calls.map(([name]) => name)).toEqual(['flush', 'close'])
  expect(hanging.calls.map(([name]) => name)).toEqual(['flush', 'close'])
  const told = only('observer.error').map((event) => event.error.message)
  expect(told.toSorted()).toEqual(['no flush', 'still pending after 1600 ms'])
})
