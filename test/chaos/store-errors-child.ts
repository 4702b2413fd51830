/** Lives through a fault that comes from outside: says `break`, waits for `broken`, says `heal`, waits for `healed`. */

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { liveThrough } from './store-errors-life.ts'
import { OUTSIDE } from './store-errors-outside.ts'

const [name = '', path = ''] = process.argv.slice(2)
const fault = OUTSIDE.find((each) => each.name === name)
if (fault === undefined) throw new Error(`there is no fault "${name}"`)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const input = createInterface({ input: process.stdin })
const hear = async (line: string): Promise<void> => {
  const [heard] = (await once(input, 'line')) as [string]
  if (heard !== line) throw new Error(`expected ${line}, heard ${heard}`)
}
const { reasons, advice, durability = 'process' } = fault

const report = await liveThrough(path, {
  name,
  reasons,
  advice,
  durability,
  async begin() {
    say('break')
    await hear('broken')
  },
  async end() {
    say('heal')
    await hear('healed')
  },
})
say(`report ${JSON.stringify(report)}`)
process.exit(0)
