import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { uuidV7 } from '../../../src/executor/uuid.ts'

describe('uuidV7', () => {
  it('is a UUID of version 7 whose first 48 bits are the time', () => {
    const now = Date.UTC(2126, 0, 1)
    const id = uuidV7(now)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(now)
  })

  it('is unique and growing over a million, also within one millisecond and when the clock goes back', () => {
    const now = Date.UTC(2126, 0, 2)
    const ids = new Set<string>()
    let last = ''
    let isSorted = true
    for (let index = 0; index < 1e6; index++) {
      const id = uuidV7(now + (index % 5_000 === 4_999 ? -60_000 : Math.floor(index / 10_000)))
      if (id <= last) isSorted = false
      last = id
      ids.add(id)
    }
    expect(isSorted).toBe(true)
    expect(ids.size).toBe(1e6)
  })

  it('is a flat string: a hundred thousand of them take less than 100 bytes each', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const ids: string[] = Array.from({ length: 100_000 }, () => '')
    collect()
    const before = process.memoryUsage().heapUsed
    for (let index = 0; index < ids.length; index++) ids[index] = uuidV7(Date.UTC(2126, 0, 3))
    collect()
    expect((process.memoryUsage().heapUsed - before) / ids.length).toBeLessThan(100)
  })
})
