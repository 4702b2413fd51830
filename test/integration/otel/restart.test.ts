import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { otlpReceiver, type Receiver } from '../../support/otlp-receiver.ts'

const program = join(import.meta.dirname, 'restart-program.ts')

let directory = ''
let receiver: Receiver

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-restart-'))
  receiver = await otlpReceiver()
})
afterEach(async () => {
  await receiver.close()
  rmSync(directory, { recursive: true, force: true })
})

const linkTypes = (spanId: string | undefined): unknown[] =>
  (receiver.spans.find((span) => span.spanId === spanId)?.links ?? []).map((link) => [
    link.attributes['plainsight.link.type'],
    link.spanId,
  ])
const attempt = (number: number): (typeof receiver.spans)[number] | undefined =>
  receiver.spans.find((span) => span.attributes['plainsight.task.attempt'] === number)
const enqueue = (): (typeof receiver.spans)[number] | undefined =>
  receiver.spans.find((span) => span.name === 'enqueue job')
const recordOf = (name: string, service: string): (typeof receiver.records)[number] | undefined =>
  receiver.records.find(
    (record) =>
      (record.eventName === name || record.body === name) &&
      record.resource['service.name'] === service,
  )

async function secondLife(): Promise<void> {
  const second = startChild(program, ['second', join(directory, 'tasks.db'), receiver.url])
  expect(await second.ended).toMatchObject({ code: 0, stderr: '' })
}

describe('5 continuity', () => {
  it('after kill -9 the trace goes on, says so, and refers to no span that was never exported', async () => {
    const first = startChild(program, ['first', join(directory, 'tasks.db'), receiver.url])
    await first.line('running')
    await waitFor(() => enqueue() !== undefined && recordOf('attempt 0', 'first') !== undefined, {
      timeout: '10s',
    })
    first.kill()
    await first.ended
    await secondLife()
    const { traceId, spanId } = enqueue() ?? {}
    expect(attempt(0)).toBeUndefined()
    expect(attempt(1)).toMatchObject({ traceId, parentSpanId: spanId })
    expect(attempt(1)?.attributes['plainsight.task.recoveries']).toBe(1)
    expect(linkTypes(attempt(1)?.spanId)).toEqual([['creation', spanId]])
    // What is left of the attempt that died, and who found it.
    expect(recordOf('attempt 0', 'first')?.traceId).toBe(traceId)
    expect(recordOf('plainsight.attempt.started', 'first')?.spanId).toBe(
      recordOf('attempt 0', 'first')?.spanId,
    )
    expect(recordOf('plainsight.task.requeued', 'second')).toMatchObject({
      traceId,
      spanId,
      severityNumber: 13,
      attributes: { 'plainsight.task.interrupt.reason': 'crash' },
    })
    const stalls = receiver.points.find((point) => point.name === 'plainsight.task.stalls')
    expect(stalls?.value).toBe(1)
  })

  it('an attempt that a shutdown cut off ends its span as interrupted, and the next links to it', async () => {
    const first = startChild(program, ['first', join(directory, 'tasks.db'), receiver.url])
    await first.line('running')
    first.write('close')
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' })
    await secondLife()
    expect(attempt(0)).toMatchObject({
      status: { code: 'ERROR', message: 'interrupted: shutdown' },
      attributes: { 'error.type': 'interrupted', 'plainsight.task.outcome': 'interrupted' },
    })
    expect(recordOf('plainsight.task.requeued', 'first')?.spanId).toBe(attempt(0)?.spanId)
    expect(linkTypes(attempt(1)?.spanId)).toEqual([
      ['creation', enqueue()?.spanId],
      ['previous_attempt', attempt(0)?.spanId],
    ])
    expect(receiver.points.some((point) => point.name === 'plainsight.task.stalls')).toBe(false)
  })
})
