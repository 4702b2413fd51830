/** The line of an event for machines: one JSON object, as pino writes it. */

import { isAscii } from 'node:buffer'
import { hostname } from 'node:os'
import type { PlainsightEvent } from '../../events/event.ts'
import { LEVELS } from '../../task/level.ts'
import { eventMessage } from '../event-words.ts'
import { logFields } from '../log-fields.ts'
import { visibleJson } from '../visible-text.ts'

/** Makes lines `{"level":30,"time":…,"pid":…,"hostname":…, the event's fields, "msg":…}`. `time` is the event's. */
export function jsonLines(): (event: PlainsightEvent) => string {
  const base = `,"pid":${process.pid},"hostname":${JSON.stringify(hostname())},`
  return (event) => {
    const fields = logFields(event)
    fields['msg'] = eventMessage(event)
    return `{"level":${LEVELS[event.level]},"time":${event.time}${base}${JSON.stringify(fields).slice(1)}\n`
  }
}

const DEL = 0x7f

/**
 * The bytes of JSON lines, with everything escaped that does not show. Looks at a whole turn's bytes at once: nearly
 * all are ASCII, and a search for what is to be escaped would cost a quarter of making the line.
 */
export function encodeJsonLines(lines: string): Buffer {
  const bytes = Buffer.from(lines)
  return isAscii(bytes) && !bytes.includes(DEL) ? bytes : Buffer.from(visibleJson(lines))
}
