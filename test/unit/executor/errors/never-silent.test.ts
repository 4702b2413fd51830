import { afterEach, describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  setFallbackLogger,
  taskLog,
  type Executor,
} from '../../../../src/index.ts'

const lines: [string, string, unknown][] = []
const logger = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [
    level,
    (message: string, extra?: unknown) => void lines.push([level, message, extra]),
  ]),
)
const failing = defineTask({
  name: 'failing',
  retries: 1,
  backoff: { delay: 0 },
  run: (): number => {
    taskLog('only info')
    taskLog.warning('watch out', { n: 1 })
    throw new TypeError('boom')
  },
})
let executor: Executor | undefined
afterEach(async () => {
  await executor?.close({ grace: 0 })
  setFallbackLogger(null)
  lines.length = 0
})

async function fail(options: object): Promise<string> {
  setFallbackLogger(logger)
  executor = createExecutor({ tasks: [failing], ...options })
  const { id, result } = await executor
    .enqueue(failing)
    .then((handle) => ({ id: handle.id, result: handle.result() }))
  await expect(result).rejects.toThrow()
  return id
}

describe('without the observers option', () => {
  it('failures and warnings go to the fallback logger, with the task and why', async () => {
    const taskId = await fail({})
    expect(lines).toEqual([
      ['warn', 'task "failing": watch out', { n: 1, taskId, attempt: 0 }],
      [
        'warn',
        'attempt.failed "failing": TypeError: boom',
        { taskId, attempt: 0, reason: 'error' },
      ],
      ['warn', 'task "failing": watch out', { n: 1, taskId, attempt: 1 }],
      ['error', 'task.failed "failing": TypeError: boom', { taskId, attempt: 1, reason: 'error' }],
    ])
  })

  it('a fallback logger that throws or rejects changes nothing', async () => {
    setFallbackLogger({
      warn: () => {
        throw new Error('logger')
      },
      error: (): unknown => Promise.reject(new Error('logger')),
    })
    executor = createExecutor({ tasks: [failing] })
    await expect((await executor.enqueue(failing)).result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
    })
  })
})

describe('observers: []', () => {
  it('is silence', async () => {
    await fail({ observers: [] })
    expect(lines).toEqual([])
  })
})
