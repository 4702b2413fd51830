import { expect, test } from 'vitest'
import { overflowed } from './overflow.ts'

test('thirty thousand waiting tasks cost no heap, run in exact order, and hold up no other queue', async () => {
  const { breaches } = await overflowed(30_000, 5_000_000)
  expect(breaches).toEqual([])
})
