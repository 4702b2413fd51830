/** The shop's lives, one after the other, in front of a Collector: what it wrote of them. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, type Child } from '../support/child.ts'
import { startCollector } from './collector-process.ts'
import { readOtlpFile, type Written } from './otlp-file.ts'

const program = join(import.meta.dirname, 'shop-program.ts')

/** What the request brought with it. */
export const REMOTE_TRACE: string = 'a'.repeat(32)
export const REMOTE_SPAN: string = 'b'.repeat(16)
const headers = {
  traceparent: `00-${REMOTE_TRACE}-${REMOTE_SPAN}-01`,
  tracestate: 'vendor=1',
}

/** `web-1` takes one request, `worker-1` is killed with SIGKILL in the middle, `worker-2` finishes. */
export async function runShop(): Promise<Written> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-collector-'))
  try {
    return await livesIn(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function livesIn(directory: string): Promise<Written> {
  const file = join(directory, 'telemetry.jsonl')
  const collector = await startCollector(file)
  const start = (role: string, instance: string): Child =>
    startChild(program, [role, join(directory, 'tasks.db'), collector.url, instance])
  try {
    const web = start('web', 'web-1')
    const port = (await web.line('port ')).slice('port '.length)
    const { status } = await fetch(`http://127.0.0.1:${port}/signup`, { method: 'POST', headers })
    if (status !== 202) throw new Error(`the shop answered ${status}`)
    web.write('end')
    await endOf(web)
    const first = start('worker', 'worker-1')
    const middle = await first.line('middle ')
    if (middle !== 'middle true') throw new Error('the first worker could not deliver')
    first.kill('SIGKILL')
    await first.ended
    await endOf(start('worker', 'worker-2'))
    await collector.stop()
    return readOtlpFile(file)
  } finally {
    // Does nothing to one that has ended.
    await collector.stop().catch(() => {})
  }
}

async function endOf(child: Child): Promise<void> {
  const end = await child.line('end ')
  const { code, stderr } = await child.ended
  if (end !== 'end {"ok":true,"errors":[]}' || code !== 0 || stderr !== '')
    throw new Error(`the shop ended with code ${code}: ${end}\n${stderr}`)
}
