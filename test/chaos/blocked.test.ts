import { expect, test } from 'vitest'
import { blockedRun } from './blocked.ts'

test('a process that blocked its event loop past its lease has every late outcome refused', async () => {
  const { breaches, ...counts } = await blockedRun(20, 'leases')
  expect(breaches).toEqual([])
  expect(counts).toEqual({ tasks: 20, adopted: 20, refused: 20, aborted: 10 })
})

test('where a lock tells that it lives, nothing is taken from it', async () => {
  const { breaches, ...counts } = await blockedRun(20, 'locks')
  expect(breaches).toEqual([])
  expect(counts).toEqual({ tasks: 20, adopted: 0, refused: 0, aborted: 0 })
})
