/**
 * The rows of the memory backend, by position. Most come and go in that order, so they lie in a ring; the few that stay long
 * move out of it. Looking one up by its id is rare (a cancel, somebody who asks, an id that a user has chosen): the first
 * look-up makes an index, which is kept as long as it is used.
 */

import type { Row } from './row.ts'

/** Places of the smallest ring; a power of two, as all of them. */
const MIN_PLACES = 1_024
/** An index that nobody has asked for as many rows is dropped. */
const UNUSED_ROWS = 10_000
/** So many rows leave before the index is dropped as well, if they were half of it. */
const RENEW_AFTER = 512

export class RowTable {
  /** Of the row that came last. */
  lastPosition = 0
  size = 0
  // One array as long as possible: a dead one that was old would carry its rows through the garbage collection, and the
  // rows that they point at.
  #ring: (Row | undefined)[] = emptyRing(MIN_PLACES)
  /** The position where the ring begins. */
  #first = 1
  #inRing = 0
  /** Those that stayed when nearly all around them had gone. All are before the ring. */
  readonly #old = new Map<number, Row>()
  #byId: Map<string, Row> | undefined
  #unusedFor = 0
  #deletions = 0

  /** How many places it takes up, those of rows that have gone included. */
  get places(): number {
    return this.#ring.length + this.#old.size
  }

  /** Adds a row whose position is the one after the last. */
  add(row: Row): void {
    const { position } = row
    if (position - this.#first >= this.#ring.length) this.#makeRoom()
    this.lastPosition = position
    this.size += 1
    this.#inRing += 1
    this.#ring[position & (this.#ring.length - 1)] = row
    if (this.#byId === undefined) return
    this.#unusedFor += 1
    if (this.#unusedFor > UNUSED_ROWS) this.#byId = undefined
    else this.#byId.set(row.spec.id, row)
  }

  at(position: number): Row | undefined {
    if (position < this.#first) return this.#old.get(position)
    return position > this.lastPosition ? undefined : this.#ring[position & (this.#ring.length - 1)]
  }

  get(id: string): Row | undefined {
    this.#unusedFor = 0
    if (this.#byId === undefined) {
      this.#deletions = 0
      this.#byId = new Map()
      for (const row of this.values()) this.#byId.set(row.spec.id, row)
    }
    return this.#byId.get(id)
  }

  delete(position: number): void {
    const row = this.at(position)
    if (row === undefined) return
    this.size -= 1
    if (position < this.#first) {
      this.#old.delete(position)
    } else {
      this.#ring[position & (this.#ring.length - 1)] = undefined
      this.#inRing -= 1
      if (position === this.#first) this.#skipGone()
    }
    if (this.#byId === undefined) return
    this.#byId.delete(row.spec.id)
    this.#deletions += 1
    // A Map that loses as many as it gains moves to a new table now and then, and the old ones chain to the new. A fresh Map
    // has no past.
    if (this.#deletions >= RENEW_AFTER && this.#deletions * 2 >= this.size) this.#byId = undefined
  }

  /** In order of position. */
  *values(): IterableIterator<Row> {
    yield* this.#old.values()
    for (let position = this.#first; position <= this.lastPosition; position++) {
      const row = this.at(position)
      if (row !== undefined) yield row
    }
  }

  #skipGone(): void {
    const mask = this.#ring.length - 1
    while (this.#first <= this.lastPosition && this.#ring[this.#first & mask] === undefined)
      this.#first += 1
    const isWide = this.#ring.length > MIN_PLACES
    if (isWide && (this.lastPosition - this.#first) * 8 < this.#ring.length)
      this.#resize(this.#ring.length >> 1)
  }

  /** The ring is full, of rows or of the places of those that have gone. */
  #makeRoom(): void {
    const { length } = this.#ring
    if (this.#inRing * 4 > length) {
      this.#resize(length * 2)
      return
    }
    // Few have stayed: those of the first half are in the way of all that come.
    for (const end = this.#first + (length >> 1); this.#first < end; this.#first++) {
      const index = this.#first & (length - 1)
      const row = this.#ring[index]
      if (row === undefined) continue
      this.#ring[index] = undefined
      this.#inRing -= 1
      this.#old.set(row.position, row)
    }
    this.#skipGone()
  }

  #resize(length: number): void {
    const before = this.#ring
    const ring = emptyRing(length)
    for (let position = this.#first; position <= this.lastPosition; position++)
      ring[position & (length - 1)] = before[position & (before.length - 1)]
    before.fill(undefined)
    this.#ring = ring
  }
}

function emptyRing(length: number): (Row | undefined)[] {
  const ring: (Row | undefined)[] = []
  ring.length = length
  return ring.fill(undefined)
}
