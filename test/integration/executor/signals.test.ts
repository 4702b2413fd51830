import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startChild } from '../../support/child.ts'

const program = join(import.meta.dirname, 'signal-program.ts')
const programOfTwo = join(import.meta.dirname, 'signals-program.ts')

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

describe('handleSignals of two executors in one process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'each closes with its own grace, and only then the process ends by %s',
    async (signal) => {
      const child = startChild(programOfTwo, ['400'])
      expect(await child.line('listeners')).toBe('listeners 1')
      await child.line('running')
      child.kill(signal)
      await child.line('executor.closed idle')
      await child.line('task.succeeded busy')
      await child.line('executor.closed busy')
      expect(await child.ended).toMatchObject({ code: null, signal, stderr: '' })
    },
  )

  test('one that opens meanwhile is closed and waited for too', async () => {
    const child = startChild(programOfTwo, ['400', 'late'])
    await child.line('running')
    child.kill('SIGTERM')
    await child.line('executor.started late')
    await child.line('executor.closed late')
    await child.line('task.succeeded busy')
    await child.line('executor.closed busy')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' })
  })

  test('a second signal ends the process, though one of them still closes', async () => {
    const child = startChild(programOfTwo, ['60000'])
    await child.line('running')
    child.kill('SIGTERM')
    await child.line('executor.closed idle')
    child.kill('SIGINT')
    await expect(child.line('executor.closed busy')).rejects.toThrow('signal SIGINT')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGINT', stderr: '' })
  })

  test('a handler of others that was added with `once` keeps the end of the process, too', async () => {
    const child = startChild(programOfTwo, ['400', 'once'])
    await child.line('running')
    child.kill('SIGTERM')
    await child.line('other')
    await child.line('task.succeeded busy')
    await child.line('executor.closed busy')
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })

  test('one that was closed before leaves the signal to the other', async () => {
    const child = startChild(programOfTwo, ['400', 'close one'])
    await child.line('running')
    child.kill('SIGTERM')
    await child.line('task.succeeded busy')
    await child.line('executor.closed busy')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' })
  })

  test('the handlers go with the last of them', async () => {
    const child = startChild(programOfTwo, ['0', 'close both'])
    expect(await child.line('then')).toBe('then 1')
    expect(await child.line('left')).toBe('left 0')
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})
