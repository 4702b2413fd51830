/** What the keys of a store are called, and by which version they were laid out. */

/** Kept in the store; one of another number is not opened. */
export const SCHEMA = '1'

/** The key that is named to Redis: its braces decide where a cluster keeps all of them. */
export function metaKey(prefix: string): string {
  return `{${prefix}}:meta`
}

/** The channel on which processes say that there is unowned work. */
export function freeChannel(prefix: string): string {
  return `{${prefix}}:free`
}

/** Of a token `name~…`; `~` is in no executor's id. */
export function ownerOfToken(token: string): string {
  const end = token.indexOf('~')
  return end === -1 ? token : token.slice(0, end)
}
