/** The `text` of a query: what of a record it looks at, and how it compares. */

import type { StoredRecord } from '../task/record.ts'

/** Of a record, what is searched and more. */
export type SearchedRecord = Pick<StoredRecord, 'spec' | 'state'>

/**
 * Whether a record's id, name, label, a tag's value, or its error's name or message contains `text`, whatever the case
 * of ASCII letters.
 */
export function textFilter(text: string): (record: SearchedRecord) => boolean {
  const wanted = lowerAscii(text)
  // A damaged record may have anything there.
  const contains = (value: unknown): boolean =>
    typeof value === 'string' && lowerAscii(value).includes(wanted)
  return ({ spec, state }) =>
    contains(spec.id) ||
    contains(spec.name) ||
    contains(spec.label) ||
    contains(state.error?.name) ||
    contains(state.error?.message) ||
    Object.values(spec.tags).some(contains)
}

// `toLowerCase` would do more: "İ" becomes two characters, and stores compare bytes.
function lowerAscii(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text
}
