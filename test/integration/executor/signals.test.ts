import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startChild } from '../../support/child.ts'

const program = join(import.meta.dirname, 'signal-program.ts')

describe('handleSignals', () => {
  test('closes at the first signal, in order, and ends by that signal', async () => {
    const child = startChild(program, ['0', '100'])
    await child.line('running')
    child.kill('SIGTERM')
    await child.line('task.succeeded')
    await child.line('executor.closed')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' })
  })

  test('aborts what outlives the grace', async () => {
    const child = startChild(program, ['0', '60000'])
    await child.line('running')
    child.kill('SIGINT')
    await child.line('task.interrupted')
    await child.line('executor.closed')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGINT', stderr: '' })
  })

  test('leaves others their handlers, and the end of the process to them', async () => {
    const child = startChild(program, ['2', '60000'])
    await child.line('running')
    child.kill('SIGTERM')
    await child.line('other 0')
    await child.line('other 1')
    await child.line('executor.closed')
    // Nothing is left to do, so the process ends by itself: nobody killed it.
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })

  test('a second signal ends the process as the system would', async () => {
    const child = startChild(program, ['0', '60000'])
    await child.line('running')
    child.kill('SIGTERM')
    child.kill('SIGTERM')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM' })
  })

  test('is off unless it is asked for: the signal ends the process at once', async () => {
    const child = startChild(program, ['0', '60000', 'false'])
    await expect(child.line('listeners')).resolves.toBe('listeners 0')
    await child.line('running')
    child.kill('SIGTERM')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM' })
  })

  test('takes its handlers away when the executor is closed', async () => {
    const child = startChild(program, ['0', '0'])
    expect(await child.line('listeners')).toBe('listeners 1')
    expect(await child.line('left')).toBe('left 0')
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})
