/** What the keys of a store are called, and by which version they were laid out. */

/** Kept in the store; one of another number is not opened. */
export const SCHEMA = '1'

/**
 * What all keys of a store begin with; its braces decide where a cluster keeps all of them. What the caller's client puts
 * before its keys comes before ours: rights may go by it.
 */
export function keyBase(keyPrefix: string, prefix: string): string {
  return `${keyPrefix}{${prefix}}:`
}

/** The key that is named to Redis. */
export function metaKey(base: string): string {
  return `${base}meta`
}

/** The channel on which processes say that there is unowned work. */
export function freeChannel(base: string): string {
  return `${base}free`
}

/** Of a token `name~…`; `~` is in no executor's id. */
export function ownerOfToken(token: string): string {
  const end = token.indexOf('~')
  return end === -1 ? token : token.slice(0, end)
}
