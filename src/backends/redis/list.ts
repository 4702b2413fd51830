/** Lists: whatever the filters, a call does a bounded amount of work, and says where to go on. */

import type { StoredRecord } from '../../task/record.ts'
import { tagText } from '../spec-text.ts'
import { statusNumber } from '../state-text.ts'
import { textFilter } from '../text-filter.ts'
import type { RecordList, RecordQuery } from '../backend.ts'

/** One pass of the script: from `after` on, so many records at most; −1 where it has come to the end. */
export type ListPass = (
  args: readonly string[],
) => Promise<{ readonly next: number; readonly records: readonly StoredRecord[] }>

/** A text is looked for here, in so many records at a time, and in so many passes by one call. */
const SEARCHED = 200
const MAX_PASSES = 4

export async function listRecords(query: RecordQuery, pass: ListPass): Promise<RecordList> {
  const { status, name, queue, parentId, text, limit } = query
  // No record has an empty one, and to the script it means any.
  const isNobodys = name === '' || queue === '' || parentId === ''
  if (isNobodys || status?.length === 0) return { records: [], next: undefined }
  const hasText = text === undefined ? undefined : textFilter(text)
  const found: StoredRecord[] = []
  let { after } = query
  for (let passes = 0; passes < MAX_PASSES; passes++) {
    const wanted = hasText === undefined ? limit - found.length : SEARCHED
    const { next, records } = await pass(argumentsFor(query, after, wanted))
    for (const record of records) {
      if (hasText?.(record) === false) continue
      if (found.length === limit) return { records: found, next: found.at(-1)?.position }
      found.push(record)
    }
    if (next === -1) return { records: found, next: undefined }
    after = next
    if (hasText === undefined && found.length === limit) break
  }
  return { records: found, next: after }
}

function argumentsFor(
  query: RecordQuery,
  after: number | undefined,
  limit: number,
): readonly string[] {
  const { order, status = [], name = '', queue = '', parentId = '' } = query
  const tags = Object.entries(query.tags ?? {})
  return [
    'L',
    order,
    `${after ?? ''}`,
    `${limit}`,
    [...new Set(status)].map(statusNumber).join(''),
    name,
    queue,
    parentId,
    `${query.createdAfter ?? ''}`,
    `${query.createdBefore ?? ''}`,
    `${tags.length}`,
    ...tags.map(([key, value]) => tagText(key, value)),
  ]
}
