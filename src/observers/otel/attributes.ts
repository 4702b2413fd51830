/** Attributes of spans and metrics, of what is known of a task. Values are copied or frozen: the SDK keeps what it is given. */

import type { Attributes } from '@opentelemetry/api'
import { clip } from '../../task/plain-data.ts'
import type { Tags } from '../../task/tags.ts'
import type { TaskDraft } from '../observer.ts'
import type { OtelSettings } from './options.ts'
import { ATTR, OPERATION_TYPES, PREFIX, SYSTEM, type OperationName } from './semconv.ts'

const MAX_TAG_CHARACTERS = 256
const MAX_TAGS = 32
/** So many sets of metric attributes are kept; a set beyond them is made anew each time. */
const MAX_CACHED = 2_000

/** Of the call that enqueues `tasks`. */
export function sendAttributes(
  tasks: readonly TaskDraft[],
  operation: OperationName,
  settings: OtelSettings,
): Attributes {
  const [task] = tasks
  if (task !== undefined && tasks.length === 1) return taskAttributes(task, operation, settings)
  const attributes = operationAttributes(operation)
  attributes[ATTR.batchCount] = tasks.length
  const name = common(tasks, (each) => each.name)
  const queue = common(tasks, (each) => each.queue)
  if (queue !== undefined) attributes[ATTR.destination] = queue
  if (name !== undefined) attributes[ATTR.taskName] = name
  return attributes
}

/** Of one task: what samplers may look at, so all of it is there when the span begins. Tags come last. */
export function taskAttributes(
  task: TaskDraft,
  operation: OperationName,
  settings: OtelSettings,
): Attributes {
  const attributes = operationAttributes(operation)
  attributes[ATTR.destination] = task.queue
  attributes[ATTR.messageId] = task.id
  attributes[ATTR.taskName] = task.name
  attributes[ATTR.priority] = task.priority
  attributes[ATTR.source] = task.source
  if (task.label !== undefined) attributes[ATTR.label] = clip(task.label, MAX_TAG_CHARACTERS)
  if (task.parentId !== undefined) {
    attributes[ATTR.conversation] = task.rootId
    attributes[ATTR.parentId] = task.parentId
  }
  if (task.retryOf !== undefined) attributes[ATTR.retryOf] = task.retryOf
  addTags(attributes, task.tags, settings)
  return attributes
}

/** `plainsight.task.tag.<key>`, or the name that the tag was promoted to; so no key can take the place of another attribute. */
export function addTags(attributes: Attributes, tags: Tags, settings: OtelSettings): void {
  let count = 0
  for (const key in tags) {
    if (count++ >= MAX_TAGS) return
    const name = settings.tagAttributes.get(key) ?? PREFIX.tag + key
    attributes[name] = clip(String(tags[key]), MAX_TAG_CHARACTERS)
  }
}

/** The span's name: the operation, and the task or queue when there is one for all. Never an id. */
export function spanName(
  operation: OperationName,
  tasks: readonly TaskDraft[],
  settings: OtelSettings,
): string {
  const of = common(tasks, (task) => (settings.spanNaming === 'queue' ? task.queue : task.name))
  return of === undefined ? operation : `${operation} ${of}`
}

/** What `part` answers for all of them, when that is one. */
export function common<T>(
  tasks: readonly TaskDraft[],
  part: (task: TaskDraft) => T,
): T | undefined {
  const [first] = tasks
  if (first === undefined) return undefined
  const value = part(first)
  return tasks.every((task) => part(task) === value) ? value : undefined
}

function operationAttributes(operation: OperationName): Attributes {
  return {
    [ATTR.system]: SYSTEM,
    [ATTR.operationName]: operation,
    [ATTR.operationType]: OPERATION_TYPES[operation],
  }
}

/** What a metric is about; all of it has few values, but for tags that were asked for. */
export interface MetricSubject {
  readonly operation: OperationName
  readonly name: string | undefined
  readonly queue: string | undefined
  readonly tags: Tags
  readonly errorType?: string | undefined
  readonly outcome?: string | undefined
}

/** Answers the attributes of a metric: one frozen object for each set of values. */
export function createMetricAttributes(
  metricTags: readonly string[],
): (subject: MetricSubject) => Attributes {
  const cache = new Map<string, Attributes>()
  return (subject) => {
    const { operation, name, queue, tags, errorType, outcome } = subject
    let key = `${operation} ${name} ${queue}`
    if (errorType !== undefined) key += `|${errorType}`
    if (outcome !== undefined) key += `||${outcome}`
    for (const tag of metricTags) key += `|${JSON.stringify(tags[tag])}`
    let attributes = cache.get(key)
    if (attributes === undefined) {
      attributes = operationAttributes(operation)
      if (queue !== undefined) attributes[ATTR.destination] = queue
      if (name !== undefined) attributes[ATTR.taskName] = name
      if (outcome !== undefined) attributes[ATTR.outcome] = outcome
      if (errorType !== undefined) attributes[ATTR.errorType] = errorType
      for (const tag of metricTags) {
        const value = tags[tag]
        if (value !== undefined) attributes[PREFIX.tag + tag] = value
      }
      Object.freeze(attributes)
      if (cache.size < MAX_CACHED) cache.set(key, attributes)
    }
    return attributes
  }
}
