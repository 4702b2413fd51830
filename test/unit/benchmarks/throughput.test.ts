import { describe, expect, it } from 'vitest'
import type { Mail } from '../../../benchmarks/mail.ts'
import { Countdown, type OpenQueue } from '../../../benchmarks/queues/queue.ts'
import { throughputOf } from '../../../benchmarks/throughput.ts'

interface Trace {
  most: number
  calls: number[]
  order: string[]
}

/** Runs each task a turn after it was accepted, as `twist` says. */
function sampleQueue(twist: (mail: Mail) => readonly Mail[], trace?: Trace): OpenQueue {
  return (body) => {
    const done = new Countdown()
    let inFlight = 0
    const accept = async (mails: readonly Mail[]): Promise<void> => {
      inFlight += mails.length
      if (trace !== undefined) trace.most = Math.max(trace.most, inFlight)
      trace?.order.push('enqueue')
      await Promise.resolve()
      inFlight -= mails.length
      for (const mail of mails.flatMap(twist)) body(mail)
      done.add(mails.length)
    }
    return {
      enqueue: (mail) => accept([mail]),
      enqueueMany: (mails) => {
        trace?.calls.push(mails.length)
        return accept(mails)
      },
      start: () => void trace?.order.push('start'),
      finished: (count) => done.reach(count),
      close: async () => {},
    }
  }
}

const faithful = (mail: Mail): readonly Mail[] => [mail]
const newTrace = (): Trace => ({ most: 0, calls: [], order: [] })

describe('throughputOf', () => {
  it('answers tasks per second', async () => {
    const rate = await throughputOf('sample', sampleQueue(faithful), { tasks: 500 })
    expect(rate).toBeGreaterThan(0)
    expect(rate).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it('keeps a hundred in flight', async () => {
    const trace = newTrace()
    await throughputOf('sample', sampleQueue(faithful, trace), { tasks: 500 })
    expect(trace.most).toBe(100)
  })

  it('enqueues in calls of the size asked for, and the rest in one', async () => {
    const trace = newTrace()
    await throughputOf('sample', sampleQueue(faithful, trace), { tasks: 250, bulk: 100 })
    expect(trace.calls).toEqual([100, 100, 50])
  })

  it('starts the queue before the first task, or after the last', async () => {
    const [first, last] = [newTrace(), newTrace()]
    await throughputOf('sample', sampleQueue(faithful, first), { tasks: 3 })
    await throughputOf('sample', sampleQueue(faithful, last), { tasks: 3, startsLast: true })
    expect(first.order).toEqual(['start', 'enqueue', 'enqueue', 'enqueue'])
    expect(last.order).toEqual(['enqueue', 'enqueue', 'enqueue', 'start'])
  })

  it.each([
    ['loses a task', (mail: Mail) => (mail.userId === 7 ? [] : [mail]), 'bodies'],
    ['runs one twice', (mail: Mail) => (mail.userId === 7 ? [mail, mail] : [mail]), 'bodies'],
    ['mixes up inputs', (mail: Mail) => [{ ...mail, userId: 1 }], 'sum of inputs'],
  ])('fails for a queue that %s', async (_, twist, what) => {
    const run = throughputOf('sample', sampleQueue(twist), { tasks: 20 })
    await expect(run).rejects.toThrow(`sample: ${what}`)
  })

  it('fails when the queue has fewer on record than have run', async () => {
    const open: OpenQueue = async (body) => ({
      ...(await sampleQueue(faithful)(body)),
      countDone: () => 19,
    })
    await expect(throughputOf('sample', open, { tasks: 20 })).rejects.toThrow('expected 20, got 19')
  })
})

describe('Countdown', () => {
  it('settles for what has ended before anybody asked', async () => {
    const done = new Countdown()
    done.add(3)
    await expect(done.reach(3)).resolves.toBeUndefined()
  })
})
