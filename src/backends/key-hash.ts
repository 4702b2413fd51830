/** An idempotency key as stores look for it. */

import { hash } from 'node:crypto'

/** A key is a user's text and may be anything: its JSON is hashed, because UTF-8 would make lone surrogates equal. */
export function keyHash(name: string, key: string): string {
  return hash('sha256', `${name} ${JSON.stringify(key)}`, 'hex')
}
