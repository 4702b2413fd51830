import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DURATION_BUCKETS } from '../../src/observers/otel/semconv.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { startChild, type Child } from '../support/child.ts'
import { freePort } from '../support/free-port.ts'
import { startPrometheus, type Prometheus } from './prometheus-process.ts'

let directory = ''
let shop: Child
let prometheus: Prometheus

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-prometheus-'))
  const port = await freePort()
  shop = startChild(join(import.meta.dirname, 'metrics-program.ts'), [], {
    env: {
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
  })
  prometheus = await startPrometheus(directory, `localhost:${port}`)
  await shop.line('worked')
  await until('sum(plainsight_task_duration_count)', 25)
})

afterAll(async () => {
  shop.kill()
  await prometheus.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Waits for a scrape that saw `value`: Prometheus comes when it comes. */
async function until(query: string, value: number): Promise<void> {
  await waitFor(async () => (await prometheus.query(query))[0]?.value === value, {
    what: `${query} to be ${value}`,
    timeout: '60s',
    interval: 100,
  })
}

/** Values by task, and by the labels `by`, of all series of a metric. */
async function counts(metric: string, ...by: readonly string[]): Promise<object> {
  const labels = ['plainsight_task_name', ...by].join(', ')
  const samples = await prometheus.query(`sum by (${labels}) (${metric})`)
  return Object.fromEntries(
    samples.map(({ labels: { plainsight_task_name: task, ...rest }, value }) => [
      [task, ...Object.values(rest)].join(' '),
      value,
    ]),
  )
}

describe('a real Prometheus that scrapes a program', () => {
  it('counts what was enqueued, started and retried', async () => {
    expect(await counts('messaging_client_sent_messages_total')).toEqual({
      held: 1,
      resize: 20,
      charge: 3,
      slow: 2,
    })
    expect(await counts('messaging_client_consumed_messages_total')).toEqual({
      held: 1,
      resize: 20,
      charge: 6,
      slow: 2,
    })
    expect(await counts('plainsight_task_retries_total')).toEqual({ charge: 3 })
    // One for each call: three of enqueueMany.
    expect(await counts('messaging_client_operation_duration_count')).toEqual({
      held: 1,
      resize: 1,
      charge: 1,
      slow: 1,
    })
  })

  it('tells outcomes and types of errors apart', async () => {
    expect(await counts('plainsight_task_duration_count', 'plainsight_task_outcome')).toEqual({
      'resize succeeded': 20,
      'charge failed': 3,
      'slow succeeded': 2,
    })
    expect(await counts('messaging_process_duration_count', 'error_type')).toEqual({
      resize: 20,
      'charge RangeError': 6,
      slow: 2,
    })
  })

  it('has the labels of the published table, and of the tags those that were asked for', async () => {
    const [sample] = await prometheus.query(
      'messaging_client_consumed_messages_total{plainsight_task_name="resize"}',
    )
    const { instance, ...labels } = sample?.labels ?? {}
    expect(instance).toMatch(/^localhost:\d+$/)
    expect(labels).toEqual({
      __name__: 'messaging_client_consumed_messages_total',
      job: 'shop',
      messaging_system: 'plainsight',
      messaging_operation_name: 'process',
      messaging_operation_type: 'process',
      messaging_destination_name: 'default',
      plainsight_task_name: 'resize',
      plainsight_task_tag_plan: 'pro',
      otel_scope_name: 'plainsight',
      otel_scope_version: expect.stringMatching(/^\d/) as string,
      otel_scope_schema_url: expect.stringMatching(/^https:/) as string,
    })
    const [money] = await prometheus.query(
      'messaging_client_sent_messages_total{messaging_destination_name="money"}',
    )
    expect(money?.labels['plainsight_task_name']).toBe('charge')
  })

  it('has histograms with the published buckets, and each duration in its place', async () => {
    const slow = 'messaging_process_duration_bucket{plainsight_task_name="slow"}'
    const buckets = new Map(
      (await prometheus.query(slow)).map(({ labels, value }) => [Number(labels['le']), value]),
    )
    const bounds = [...buckets.keys()].filter((bound) => !Number.isNaN(bound))
    expect(bounds.toSorted((a, b) => a - b)).toEqual([...DURATION_BUCKETS])
    // They waited for 0.3 s by a timer, which may be late, and in whole milliseconds a hair early.
    expect(buckets.get(0.25)).toBe(0)
    expect(buckets.get(3600)).toBe(2)
    const inOrder = bounds.toSorted((a, b) => a - b).map((bound) => buckets.get(bound) ?? -1)
    expect(inOrder.toSorted((a, b) => a - b)).toEqual(inOrder)
    const sum = await prometheus.query(
      'messaging_process_duration_sum{plainsight_task_name="slow"}',
    )
    expect(sum[0]?.value).toBeGreaterThan(0.59)
    const median = `histogram_quantile(0.5, sum by (le) (${slow}))`
    expect((await prometheus.query(median))[0]?.value).toBeGreaterThan(0.25)
  })

  it('sees what runs at the moment, and that it has ended', async () => {
    const running = 'plainsight_task_active{plainsight_task_state="running"}'
    await until(running, 1)
    await until('plainsight_worker_usage', 1)
    await until('plainsight_worker_limit', 7)
    shop.write('release')
    await shop.line('released')
    await until(running, 0)
    await until('plainsight_worker_usage', 0)
    await until('sum(plainsight_task_duration_count)', 26)
    shop.write('end')
    expect(await shop.ended).toMatchObject({ code: 0, stderr: '' })
  })
})
