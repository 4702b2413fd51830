import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { startChild } from '../../support/child.ts'

const PROGRAM = fileURLToPath(new URL('sqlite-opening-child.ts', import.meta.url))
const FILES = 50

test('several processes that open a new file at the same moment all take it for theirs', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-opening-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const startsAt = Date.now() + 1_500
  const children = Array.from({ length: 4 }, () =>
    startChild(PROGRAM, [directory, String(FILES), String(startsAt)]),
  )
  onTestFinished(() => {
    for (const child of children) child.kill()
  })
  for (const child of children) {
    const { code, stderr } = await child.ended
    expect([code, stderr]).toEqual([0, ''])
  }
})
