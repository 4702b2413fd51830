/** The line of an event for people: `14:03:07.123 INFO  charge-card #5f0c1a2b succeeded in 12ms [plan=pro]`. */

import type { LogEvent, PlainsightEvent } from '../../events/event.ts'
import type { Json } from '../../task/json.ts'
import type { Level } from '../../task/level.ts'
import { clip } from '../../task/plain-data.ts'
import type { Tags } from '../../task/tags.ts'
import { eventWords, isTaskEvent, subjectOf } from '../event-words.ts'
import { visibleText } from '../visible-text.ts'

const MAX_WORDS = 4_096
const MAX_VALUE = 500
const MAX_TAGS = 3

/**
 * Makes lines for people, coloured if `color`. Nothing of what users wrote reaches the terminal unescaped.
 *
 * A line that a task logged has a colon after the id; without one it is the library that speaks.
 */
export function humanLines({
  color,
}: {
  readonly color: boolean
}): (event: PlainsightEvent) => string {
  const timeText = localTimes()
  const paint = color ? painted : plain
  return (event) => {
    const isTask = isTaskEvent(event)
    const time = paint(GRAY, timeText(event.time))
    const level = paint(COLORS[event.level], MARKS[event.level])
    const subject = isTask
      ? `${paint(BOLD, visibleText(subjectOf(event)))} ${paint(GRAY, shortId(event.taskId))}`
      : ''
    const lead = event.type === 'task.log' ? ': ' : isTask ? ' ' : ''
    const words = visibleText(clip(eventWords(event), MAX_WORDS))
    const colored = event.level === 'debug' ? paint(GRAY, words) : words
    const extra = event.type === 'task.log' ? paint(GRAY, extraText(event)) : ''
    const tags = isTask ? paint(GRAY, tagsText(event.tags)) : ''
    return `${time} ${level} ${subject}${lead}${colored}${extra}${tags}\n`
  }
}

const MARKS: Readonly<Record<Level, string>> = {
  debug: 'DEBUG',
  info: 'INFO ',
  warning: 'WARN ',
  error: 'ERROR',
}
const BOLD = '1'
const GRAY = '90'
const COLORS: Readonly<Record<Level, string>> = {
  debug: GRAY,
  info: '32',
  warning: '33',
  error: '31',
}

function painted(code: string, text: string): string {
  return text === '' ? '' : `\u001b[${code}m${text}\u001b[0m`
}

function plain(_code: string, text: string): string {
  return text
}

/** Local times `HH:MM:SS.mmm`; the part before the point is worked out once a second. */
function localTimes(): (time: number) => string {
  let second = Number.NaN
  let clock = ''
  return (time) => {
    const now = Math.floor(time / 1_000)
    if (now !== second) {
      const date = new Date(now * 1_000)
      clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
        .map((part) => digits(part, 2))
        .join(':')
      second = now
    }
    return `${clock}.${digits(Math.floor(time - now * 1_000), 3)}`
  }
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0')
}

// The end of a uuid v7 is its random part: tasks of one minute share the beginning.
function shortId(id: string): string {
  return visibleText(id.length <= 12 ? `#${id}` : `#${id.slice(-8)}`)
}

function extraText(event: LogEvent): string {
  if (event.extra === undefined) return ''
  let text = ''
  for (const [key, value] of Object.entries(event.extra)) {
    // The error of the line is in its words already.
    if (event.error !== undefined && (key === 'error' || key === 'err')) continue
    text += ` ${key}=${valueText(value)}`
  }
  return visibleText(clip(text, MAX_WORDS))
}

function tagsText(tags: Tags): string {
  const entries = Object.entries(tags)
  if (entries.length === 0) return ''
  const shown = entries.slice(0, MAX_TAGS).map(([key, value]) => `${key}=${valueText(value)}`)
  if (entries.length > MAX_TAGS) shown.push(`+${entries.length - MAX_TAGS}`)
  return ` [${visibleText(shown.join(' '))}]`
}

function valueText(value: Json): string {
  if (typeof value === 'string' && /^[^\s"=[\]{}]+$/.test(value)) return clip(value, MAX_VALUE)
  return clip(JSON.stringify(value), MAX_VALUE)
}
