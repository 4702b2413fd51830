/** What a stream holds, read as any program could read it: with plain commands, by the format that is documented. */

import { Redis } from 'ioredis'

interface StoredEvent {
  readonly executorId: string
  readonly seq: number
}

interface StoredEvents {
  /** In the order of the stream. */
  readonly events: readonly StoredEvent[]
  /** The sum of what its gaps tell. */
  readonly told: number
  /** Entries that do not follow the one before of the same writer. */
  readonly holes: number
}

/** The JSON of an entry. */
interface Entry {
  readonly writer: string
  readonly first: number
  readonly last: number
  readonly events?: readonly StoredEvent[]
  readonly gap?: string
}

export async function storedEvents(url: string, stream: string): Promise<StoredEvents> {
  const client = new Redis(url)
  const events: StoredEvent[] = []
  const next = new Map<string, number>()
  let told = 0
  let holes = 0
  try {
    for (let from = '-'; ;) {
      const page = await client.xrange(stream, from, '+', 'COUNT', 200)
      if (page.length === 0) return { events, told, holes }
      for (const [id, fields] of page) {
        from = `(${id}`
        const entry = JSON.parse(fields[1] ?? '') as Entry
        const { writer, first, last } = entry
        if (first !== (next.get(writer) ?? 1)) holes += 1
        next.set(writer, last + 1)
        if (entry.gap === undefined) events.push(...(entry.events ?? []))
        else told += last - first + 1
      }
    }
  } finally {
    client.disconnect()
  }
}
