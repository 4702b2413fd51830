/**
 * The rows of the memory backend, by position. Most come and go in that order, so they lie in a ring; the few that stay long
 * move out of it. Looking one up by its id is rare (a cancel, somebody who asks, an id that a user has chosen): the first
 * look-up makes an index, which is kept as long as it is used.
 */

import type { Row } from './row.ts'

/** A ring that is shorter is not worth tidying. */
const MIN_RING = 1_024
/** An index that nobody has asked for as many rows is dropped. */
const UNUSED_ROWS = 10_000
/** So many rows leave before the index is dropped as well, if they were half of it. */
const RENEW_AFTER = 512

export class RowTable {
  /** Of the row that came last. */
  lastPosition = 0
  size = 0
  #ring: (Row | undefined)[] = []
  /** Where the ring begins, and the position of what would be at index 0. */
  #head = 0
  #base = 1
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
    this.lastPosition = row.position
    this.size += 1
    this.#inRing += 1
    this.#ring.push(row)
    if (this.#byId === undefined) return
    this.#unusedFor += 1
    if (this.#unusedFor > UNUSED_ROWS) this.#byId = undefined
    else this.#byId.set(row.spec.id, row)
  }

  at(position: number): Row | undefined {
    const index = position - this.#base
    return index >= this.#head ? this.#ring[index] : this.#old.get(position)
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

  delete({ position, spec }: Row): void {
    const index = position - this.#base
    if (index < this.#head) {
      if (!this.#old.delete(position)) return
    } else {
      if (this.#ring[index] === undefined) return
      this.#ring[index] = undefined
      this.#inRing -= 1
      this.#tidy()
    }
    this.size -= 1
    if (this.#byId === undefined) return
    this.#byId.delete(spec.id)
    this.#deletions += 1
    // A Map that loses as many as it gains moves to a new table now and then, and the old ones, which chain to the new, drag
    // the dead rows through the garbage collection. A fresh Map has no past.
    if (this.#deletions >= RENEW_AFTER && this.#deletions * 2 >= this.size) this.#byId = undefined
  }

  /** In order of position. */
  *values(): IterableIterator<Row> {
    yield* this.#old.values()
    const ring = this.#ring
    for (let index = this.#head; index < ring.length; index++) {
      const row = ring[index]
      if (row !== undefined) yield row
    }
  }

  #tidy(): void {
    const ring = this.#ring
    while (this.#head < ring.length && ring[this.#head] === undefined) this.#head += 1
    let length = ring.length - this.#head
    // Some that stay would keep the place of all that have gone since.
    while (length > MIN_RING && this.#inRing * 4 < length) {
      const middle = this.#head + (length >> 1)
      for (; this.#head < middle; this.#head++) {
        const row = ring[this.#head]
        if (row === undefined) continue
        ring[this.#head] = undefined
        this.#old.set(row.position, row)
        this.#inRing -= 1
      }
      length = ring.length - this.#head
    }
    if (this.#head <= MIN_RING || this.#head * 2 <= ring.length) return
    this.#ring = ring.slice(this.#head)
    this.#base += this.#head
    this.#head = 0
  }
}
