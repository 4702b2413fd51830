import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createExecutor, defineTask, setFallbackLogger, taskLog } from '../../../src/index.ts'
import { wantedRank } from '../../../src/context/fallback-logger.ts'
import { gate, recorded } from '../../support/recorded.ts'

const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()
const throwing = (): never => {
  throw new Error('hostile')
}
const HOSTILE: unknown[] = [
  undefined,
  null,
  7,
  10n,
  Number.NaN,
  Symbol('s'),
  () => 1,
  '',
  '\u0000\ud800',
  [],
  new Map([[{}, new Set()]]),
  Object.create(null),
  { toString: throwing, [Symbol.toPrimitive]: throwing, toJSON: throwing },
  {
    get secret(): never {
      return throwing()
    },
  },
  new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing }),
  new Proxy(new Error('x'), { getPrototypeOf: throwing }),
  { error: new Proxy(new Error('x'), { getPrototypeOf: throwing }) },
  {
    get error(): never {
      return throwing()
    },
  },
  Object.defineProperty(new Error('x'), 'message', { get: throwing }),
  revoked,
  'x'.repeat(1e6),
  Array.from({ length: 1e5 }, () => ({ a: 1 })),
]

describe('taskLog', () => {
  it('writes four levels in order, with the extra; info by default', async () => {
    const task = defineTask({
      name: 't',
      run: () => {
        taskLog('plain', { n: 1 })
        taskLog.debug('d')
        taskLog.info('i')
        taskLog.warning('w')
        taskLog.warn('w2')
        taskLog.error('e', { why: 'x' })
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    const { id } = await executor.enqueue(task)
    await executor.drain()
    const lines = only('task.log')
    expect(lines.map(({ level, message, extra }) => [level, message, extra])).toEqual([
      ['info', 'plain', { n: 1 }],
      ['debug', 'd', undefined],
      ['info', 'i', undefined],
      ['warning', 'w', undefined],
      ['warning', 'w2', undefined],
      ['error', 'e', { why: 'x' }],
    ])
    expect(
      lines.every((line) => line.taskId === id && line.attempt === 0 && line.status === 'running'),
    ).toBe(true)
  })

  it('takes a level in a variable; an unknown one is info, and marked', async () => {
    const task = defineTask({
      name: 't',
      run: (_none: undefined, { log }) => {
        for (const level of ['error', 'warn', 'loud', '', 7, null, undefined, Symbol('x'), {}])
          log.log(level as string, 'm', { n: 1 })
        taskLog.log('verbose', 'no extra')
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    await (await executor.enqueue(task)).result()
    expect(only('task.log').map(({ level, extra }) => [level, extra])).toEqual([
      ['error', { n: 1 }],
      ['warning', { n: 1 }],
      ...['loud', '', '7', 'null', 'undefined', 'Symbol(x)', '[object Object]'].map(
        (unknownLevel) => ['info', { n: 1, unknownLevel }],
      ),
      ['info', { unknownLevel: 'verbose' }],
    ])
  })

  it('finds its task in helpers, timers, promises and emitters, among others at once', async () => {
    const emitter = new EventEmitter()
    emitter.on('line', (n: number) => taskLog(`emitter ${n}`))
    const helper = async (n: number): Promise<void> => {
      taskLog(`helper ${n}`)
      await Promise.resolve()
      await sleep(1)
      taskLog(`after sleep ${n}`)
      await new Promise<void>((resolve) => setImmediate(() => resolve(taskLog(`immediate ${n}`))))
      queueMicrotask(() => taskLog(`microtask ${n}`))
      process.nextTick(() => taskLog(`tick ${n}`))
      setTimeout(() => taskLog(`timer ${n}`), 0)
      emitter.emit('line', n)
      await Promise.all([1, 2].map(async () => taskLog(`all ${n}`)))
      await sleep(5)
    }
    const task = defineTask({ name: 't', run: (n: number) => helper(n) })
    const { executor, only } = recorded({ tasks: [task], concurrency: 20 })
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_none, n) => executor.enqueue(task, n)),
    )
    await executor.drain()
    for (const [n, { id }] of handles.entries()) {
      const own = only('task.log').filter((line) => line.taskId === id)
      expect(own.map((line) => line.message).sort()).toEqual(
        [
          `helper ${n}`,
          `after sleep ${n}`,
          `immediate ${n}`,
          `microtask ${n}`,
          `tick ${n}`,
          `timer ${n}`,
          `emitter ${n}`,
          `all ${n}`,
          `all ${n}`,
        ].sort(),
      )
    }
  })

  it('never throws, whatever it is given, and loses no line', async () => {
    let thrown: unknown = 'nothing'
    const task = defineTask({
      name: 't',
      run: () => {
        try {
          for (const value of HOSTILE) {
            taskLog(value as string, value)
            taskLog.error('message', value)
            taskLog.log(value as string, 'message', value)
          }
        } catch (error) {
          thrown = error
        }
      },
    })
    const { executor, only } = recorded({ tasks: [task], logs: { storeExtra: true } })
    const handle = await executor.enqueue(task)
    await handle.result()
    expect(thrown).toBe('nothing')
    expect(only('task.log')).toHaveLength(HOSTILE.length * 3)
    expect((await handle.record())?.status).toBe('succeeded')
  })

  it('never throws outside a task either', () => {
    const seen: string[] = []
    setFallbackLogger({ info: (message) => seen.push(message), error: throwing })
    for (const value of HOSTILE) {
      expect(() => {
        taskLog(value as string, value)
        taskLog.error('message', value)
        taskLog.log(value as string, 'message', value)
      }).not.toThrow()
    }
    expect(seen).toHaveLength(HOSTILE.length * 2)
  })

  it('takes an error as the extra, or in it', async () => {
    const error = Object.assign(new TypeError('bad'), { code: 'E1' })
    const task = defineTask({
      name: 't',
      run: () => {
        taskLog.error('one', error)
        taskLog.error('two', { error, order: 7 })
        taskLog.error('three', { err: error })
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    await (await executor.enqueue(task)).result()
    const lines = only('task.log')
    expect(lines.map((line) => [line.error?.name, line.error?.message, line.error?.code])).toEqual([
      ['TypeError', 'bad', 'E1'],
      ['TypeError', 'bad', 'E1'],
      ['TypeError', 'bad', 'E1'],
    ])
    expect(lines[0]?.extra).toBeUndefined()
    expect(lines[1]?.extra).toMatchObject({ order: 7 })
  })

  it('copies the extra at once', async () => {
    const task = defineTask({
      name: 't',
      run: () => {
        const extra = { step: 1, inner: { n: 1 } }
        taskLog('one', extra)
        extra.step = 2
        extra.inner.n = 2
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    await (await executor.enqueue(task)).result()
    expect(only('task.log')[0]?.extra).toEqual({ step: 1, inner: { n: 1 } })
  })

  it('after the end of its attempt goes to the fallback logger, and to no record', async () => {
    const lines: string[] = []
    setFallbackLogger({ info: (message) => lines.push(message) })
    const logged = gate()
    const task = defineTask({
      name: 't',
      run: () => {
        setTimeout(() => {
          taskLog('late')
          logged.open()
        }, 5)
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await handle.result()
    await logged.promise
    expect(lines).toEqual([`(after the end of task ${handle.id}) late`])
    expect(only('task.log')).toEqual([])
  })
})

describe('outside a task', () => {
  it('lines go to the fallback logger at the matching level, with the extra', () => {
    const lines: unknown[][] = []
    const method =
      (level: string) =>
      (...args: unknown[]) =>
        void lines.push([level, ...args])
    setFallbackLogger({
      debug: method('debug'),
      info: method('info'),
      warn: method('warn'),
      error: method('error'),
    })
    taskLog('a', { n: 1 })
    taskLog.debug('b')
    taskLog.warning('c')
    taskLog.error('d', [1])
    taskLog.log('loud', 'e')
    expect(lines).toEqual([
      ['info', 'a', { n: 1 }],
      ['debug', 'b'],
      ['warn', 'c'],
      ['error', 'd', [1]],
      ['info', 'e'],
    ])
  })

  it('lines below its minLevel are not passed on', () => {
    const lines: string[] = []
    setFallbackLogger({
      minLevel: 'warning',
      info: (message) => lines.push(message),
      warning: (message) => lines.push(message),
    })
    taskLog('quiet')
    taskLog.warn('loud')
    expect(lines).toEqual(['loud'])
  })

  it.each([undefined, 'console', {}, { log() {} }, 7])(
    'a logger that is none is refused, and the old one stays: %j',
    (bad) => {
      const lines: string[] = []
      setFallbackLogger({ info: (message) => lines.push(message) })
      expect(() => setFallbackLogger(bad as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTIONS', option: 'logger' }),
      )
      expect(() => setFallbackLogger({ info() {}, minLevel: 'loud' as never })).toThrow(
        expect.objectContaining({ option: 'minLevel' }),
      )
      taskLog('still here')
      expect(lines).toEqual(['still here'])
    },
  )

  it('the default writes one line on stderr, from info up, and nothing can forge a second', () => {
    const written: string[] = []
    const write = process.stderr.write
    process.stderr.write = (text: unknown) => written.push(String(text)) > 0
    try {
      taskLog.debug('hidden')
      taskLog('two\nlines \u2028 \u001b[31m', { n: 1 })
    } finally {
      process.stderr.write = write
    }
    expect(written).toHaveLength(1)
    expect(written[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO two\\u000alines \\u2028 \\u001b\[31m \{"n":1\}\n$/,
    )
  })
})

describe('the floor below which nobody wants a line', () => {
  it('is left as it was by an executor that could not be made, and by one that closed', async () => {
    setFallbackLogger({ minLevel: 'error', error() {} })
    const before = wantedRank.lowest
    expect(() => createExecutor({ observers: [null as never] })).toThrow()
    expect(wantedRank.lowest).toBe(before)
    const executor = createExecutor({ observers: [] })
    expect(wantedRank.lowest).toBeLessThan(before)
    await executor.close()
    expect(wantedRank.lowest).toBe(before)
  })
})

afterEach(() => setFallbackLogger(null))
