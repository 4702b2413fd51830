/** Writes to a stream until it is killed, or so many events: `path name count perTurn end`. */

import { setTimeout as sleep } from 'node:timers/promises'
import { sqliteStreamObserver } from '../../../src/observers/sqlite-stream/observer.ts'
import { logEvent } from '../../support/stream-events.ts'

const [path = '', name = '', count = '0', perTurn = '1', end = 'close'] = process.argv.slice(2)
const observer = sqliteStreamObserver(path)
observer.start({ report: (error) => console.error(String(error)) })
for (let seq = 1; seq <= Number(count); seq++) {
  observer.onEvent(logEvent(seq, { executorId: name }))
  if (seq % Number(perTurn) !== 0) continue
  await sleep(1)
  if (observer.counts().delivered === seq) console.log(`stored ${seq}`)
}
if (end === 'close') await observer.close()
if (end === 'exit') process.exit()
