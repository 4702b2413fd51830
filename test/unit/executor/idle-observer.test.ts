import { describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  flightRecorder,
  type Executor,
  type Observer,
} from '../../../src/index.ts'

const job = defineTask({ name: 'job', run: () => 1 })

interface Sleeper extends Observer {
  idle: boolean
  asked: number
  readonly seen: string[]
}

function sleeper(): Sleeper {
  const seen: string[] = []
  return {
    idle: true,
    asked: 0,
    seen,
    isIdle() {
      this.asked += 1
      return this.idle
    },
    onEvent: ({ type }) => void seen.push(type),
    wrapEnqueue(_operation, next) {
      seen.push('wrapEnqueue')
      return next()
    },
    wrapRun(_run, next) {
      seen.push('wrapRun')
      return next()
    },
    runInternal(_operation, next) {
      return next()
    },
    close: () => void seen.push('close'),
  }
}

const emitted = (executor: Executor): number | undefined => executor.stats().observers[0]?.emitted

const ONE_TASK = ['wrapEnqueue', 'attempt.started', 'wrapRun', 'task.succeeded']

describe('an observer that is idle', () => {
  it('is given nothing, and from the enqueue on that finds it awake everything', async () => {
    const observer = sleeper()
    const executor = createExecutor({ tasks: [job], observers: [observer] })
    await (await executor.enqueue(job)).result()
    expect(observer.seen).toEqual([])
    expect(emitted(executor)).toBe(0)
    observer.idle = false
    await (await executor.enqueue(job)).result()
    expect(observer.seen).toEqual(ONE_TASK)
    const { asked } = observer
    await executor.close()
    expect(observer.seen).toEqual([...ONE_TASK, 'executor.closed', 'close'])
    // Once awake it is not asked again.
    expect(observer.asked).toBe(asked)
  })

  it('that awakes between an enqueue and its attempt sees the attempt', async () => {
    const observer = sleeper()
    const executor = createExecutor({ tasks: [job], observers: [observer], concurrency: 1 })
    const handle = await executor.enqueue(job, undefined, { delay: 20 })
    observer.idle = false
    await handle.result()
    expect(observer.seen).toEqual(['attempt.started', 'wrapRun', 'task.succeeded'])
    await executor.close()
  })

  it('and detached, is closed and never asked again', async () => {
    const observer = sleeper()
    const executor = createExecutor({ tasks: [job], observers: [] })
    const off = executor.observe(observer)
    await off()
    const { asked } = observer
    observer.idle = false
    await (await executor.enqueue(job)).result()
    expect(observer).toMatchObject({ seen: ['close'], asked })
    await executor.close()
  })

  it('takes a minLevel that was set while it slept', async () => {
    const observer = sleeper()
    const executor = createExecutor({ tasks: [job], observers: [] })
    const observation = executor.observe(observer)
    observation.setMinLevel('error')
    observer.idle = false
    await (await executor.enqueue(job)).result()
    expect(observer.seen).toEqual(['wrapEnqueue', 'wrapRun'])
    await executor.close()
  })

  it('sleeps in a flight recorder as well', async () => {
    const observer = sleeper()
    const executor = createExecutor({ tasks: [job], observers: [flightRecorder(observer)] })
    await (await executor.enqueue(job)).result()
    expect(emitted(executor)).toBe(0)
    observer.idle = false
    await (await executor.enqueue(job)).result()
    expect(observer.seen).toEqual(ONE_TASK)
    await executor.close()
  })

  it('whose answer throws is awake, and the fault is reported', async () => {
    const observer = sleeper()
    observer.isIdle = () => {
      throw new Error('cannot say')
    }
    const faults: unknown[] = []
    const executor = createExecutor({ tasks: [job], observers: [observer] })
    executor.events.on('observer.error', ({ error }) => faults.push(error.message))
    await (await executor.enqueue(job)).result()
    expect(observer.seen).toContain('task.succeeded')
    await executor.close()
    expect(faults).toEqual(['cannot say'])
  })
})
