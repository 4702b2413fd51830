import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startChild, type Child } from '../../support/child.ts'
import { otlpReceiver, type Receiver } from '../../support/otlp-receiver.ts'

const program = join(import.meta.dirname, 'exit-program.ts')

interface End {
  readonly ok: boolean
  readonly errors: readonly string[]
  readonly ms: number
}

let receiver: Receiver
let child: Child

beforeEach(async () => {
  receiver = await otlpReceiver()
})
afterEach(async () => {
  child.kill()
  await receiver.close()
})

function run(mode: string, endpoint = receiver.url, ...settings: string[]): void {
  child = startChild(program, [mode, endpoint, ...settings])
}

async function end(): Promise<End> {
  return JSON.parse((await child.line('end ')).slice('end '.length)) as End
}

const ours = (): { readonly spans: number; readonly records: number } => ({
  spans: receiver.spans.filter((span) => span.scope.name === 'plainsight').length,
  records: receiver.records.filter((record) => record.eventName.startsWith('plainsight.task'))
    .length,
})
const ALL = { spans: 600, records: 300 }
const isComplete = (): void => {
  expect(ours()).toEqual(ALL)
  const started = receiver.records.filter(
    (record) => record.eventName === 'plainsight.attempt.started',
  )
  expect(started).toHaveLength(300)
  const sent = receiver.points.find((point) => point.name === 'messaging.client.sent.messages')
  expect(sent?.value).toBe(300)
}

describe('8 nothing is lost at exit', () => {
  it('SIGTERM with 600 queued spans and 600 log records: all are delivered', async () => {
    run('sigterm')
    await child.line('queued')
    child.kill('SIGTERM')
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    expect((await child.ended).code).toBe(0)
    isComplete()
  })

  it('a process that simply comes to its end delivers all', async () => {
    run('natural')
    expect((await child.ended).code).toBe(0)
    isComplete()
  })

  it('a process that comes to its end, and then has more to do, delivers that as well', async () => {
    run('revived')
    expect((await child.ended).code).toBe(0)
    expect(ours()).toEqual({ spans: 1_200, records: 600 })
  })

  it('flushes that run beside each other and beside the shutdown lose nothing', async () => {
    run('concurrent')
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    const flushes = JSON.parse((await child.line('flushes ')).slice('flushes '.length)) as End[]
    expect(flushes.map(({ ok }) => ok)).toEqual([true, true, true])
    expect((await child.ended).code).toBe(0)
    isComplete()
  })

  it('a flush is over when what was queued has arrived', async () => {
    run('flush')
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    expect(ours()).toEqual(ALL)
  })

  it('an endpoint that refuses the traces does not cost the logs, and the report says so', async () => {
    receiver.answer = (signal) => (signal === 'traces' ? 403 : 200)
    run('shutdown')
    const { ok, errors, ms } = await end()
    expect(ok).toBe(false)
    expect(errors.length).toBeGreaterThan(0)
    expect(ms).toBeLessThan(5_000)
    expect(ours()).toEqual({ spans: 0, records: 300 })
  })

  it('an endpoint that refuses the logs, which the SDK keeps to itself, is reported', async () => {
    receiver.answer = (signal) => (signal === 'logs' ? 403 : 200)
    run('shutdown')
    const { ok, errors } = await end()
    expect(ok).toBe(false)
    expect(errors.length).toBeGreaterThan(0)
    expect(ours()).toEqual({ spans: 600, records: 0 })
  })

  it('an endpoint that never answers for traces does not cost the metrics', async () => {
    receiver.answer = (signal) => (signal === 'traces' ? 'hang' : 200)
    run('shutdown')
    const { ok, errors } = await end()
    expect({ ok, errors }).toEqual({
      ok: false,
      errors: ['Error: telemetry was not delivered within 4000 ms: at least 600 spans'],
    })
    expect(ours()).toEqual({ spans: 0, records: 300 })
    const sent = receiver.points.find((point) => point.name === 'messaging.client.sent.messages')
    expect(sent?.value).toBe(300)
  })

  it.each(['refuses everything', 'hangs', 'is down'])(
    'an endpoint that %s: shutdown returns within 5 s and says what was lost',
    async (what) => {
      receiver.answer = () => (what === 'hangs' ? 'hang' : 403)
      run('shutdown', what === 'is down' ? `http://127.0.0.1:${await freePort()}` : receiver.url)
      const { ok, errors, ms } = await end()
      expect(ok).toBe(false)
      // Our 600 and two of the executor itself; the rest of a full batch waits where nobody sees it.
      expect(errors.toSorted()).toEqual(
        what === 'refuses everything'
          ? [
              'Error: 600 spans were not delivered: Forbidden',
              'Error: 602 log records were not delivered: Forbidden',
              'Error: metrics were not delivered: Forbidden',
            ]
          : [
              expect.stringMatching(
                /^Error: telemetry was not delivered within 4000 ms: at least 600 spans, \d+ log records$/,
              ),
            ],
      )
      expect(ms).toBeLessThan(5_000)
    },
  )
})

describe('startTelemetry', () => {
  it('does nothing beside an SDK that is registered already', async () => {
    run('second')
    expect(await child.line('started')).toBe('started {"started":false}')
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    expect((await child.ended).code).toBe(0)
    const services = receiver.spans.map((span) => span.resource['service.name'])
    expect(new Set(services)).toEqual(new Set(['earlier']))
    isComplete()
  })

  it('does nothing with OTEL_SDK_DISABLED, and neither does the observer', async () => {
    run('shutdown', receiver.url, 'OTEL_SDK_DISABLED=true')
    expect(await child.line('started')).toContain('"started":false')
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
    expect(receiver.requests).toEqual([])
  })

  it('may come after the executor and its tasks: from then on all is seen', async () => {
    run('late')
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    isComplete()
  })

  it('leaves the rest to OTEL_*: exporters, sampler, attributes of the resource', async () => {
    run(
      'shutdown',
      receiver.url,
      'OTEL_LOGS_EXPORTER=none',
      'OTEL_TRACES_SAMPLER=always_off',
      'OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name:test',
    )
    expect(await end()).toMatchObject({ ok: true, errors: [] })
    expect(receiver.spans).toEqual([])
    expect(receiver.records).toEqual([])
    expect(receiver.points.length).toBeGreaterThan(0)
  })
})

describe('9 drops are visible', () => {
  it('a queue that is too short for a burst says how much was lost', async () => {
    run(
      'shutdown',
      receiver.url,
      'OTEL_BSP_MAX_QUEUE_SIZE=100',
      'OTEL_BSP_MAX_EXPORT_BATCH_SIZE=100',
      'OTEL_NODE_EXPERIMENTAL_SDK_METRICS=true',
    )
    await end()
    const dropped = receiver.points.find(
      ({ name, attributes }) =>
        name === 'otel.sdk.processor.span.processed' && attributes['error.type'] === 'queue_full',
    )
    expect(dropped?.value).toBeGreaterThan(0)
    expect(receiver.spans.length + (dropped?.value ?? 0)).toBe(600)
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => void server.close(resolve))
  return port
}
