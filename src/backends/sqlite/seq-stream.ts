/** Positions in order, from one range of an index or merged from many. */

import { createHeap } from '../../task/heap.ts'
import type { RecordQuery } from '../backend.ts'

/** Positions from `low` to `high`, both included, upwards for `oldest`. */
export interface SeqSpan {
  readonly low: number
  readonly high: number
  readonly order: RecordQuery['order']
}

export interface SeqStream {
  /** The next positions, at most `count` of them; fewer only at the end. */
  take(count: number): readonly number[]
}

/** Answers the first `count` positions of an index range within the span, in its order. */
export type FetchSeqs = (span: SeqSpan, count: number) => readonly number[]

const MAX_CHUNK = 256

/** The span without what comes up to and with `seq`. */
export function spanAfter(span: SeqSpan, seq: number): SeqSpan {
  return span.order === 'oldest' ? { ...span, low: seq + 1 } : { ...span, high: seq - 1 }
}

export function rangeStream(fetch: FetchSeqs, whole: SeqSpan): SeqStream {
  let span = whole
  let isOver = false
  return {
    take(count) {
      if (isOver) return []
      const seqs = fetch(span, count)
      const last = seqs.at(-1)
      isOver = last === undefined || seqs.length < count
      if (last !== undefined) span = spanAfter(span, last)
      return seqs
    },
  }
}

/** Which of these positions match, in the same order. */
export type KeepSeqs = (seqs: readonly number[]) => readonly number[]

const FIRST_SIEVED = 64

/**
 * The positions of `stream` that `keep` keeps. Those after the first `atMost` are passed on as they come, so that one
 * call never looks at them all.
 */
export function sievedStream(stream: SeqStream, keep: KeepSeqs, atMost: number): SeqStream {
  let kept: readonly number[] = []
  let left = atMost
  let chunk = FIRST_SIEVED
  return {
    take(count) {
      while (kept.length < count) {
        const seqs = stream.take(chunk)
        if (seqs.length === 0) break
        kept = [...kept, ...(left > 0 ? keep(seqs) : seqs)]
        left -= seqs.length
        chunk = Math.min(chunk * 2, MAX_CHUNK)
      }
      const taken = kept.slice(0, count)
      kept = kept.slice(count)
      return taken
    },
  }
}

interface Part {
  readonly stream: SeqStream
  seqs: readonly number[]
  index: number
  chunk: number
}

/** The positions of all streams, each once. `firstChunk` is what each stream is asked for at first. */
export function mergedStream(
  streams: readonly SeqStream[],
  order: RecordQuery['order'],
  firstChunk: number,
): SeqStream {
  const seqOf = ({ seqs, index }: Part): number => seqs[index] as number
  const parts = createHeap<Part>(
    order === 'oldest' ? (a, b) => seqOf(a) < seqOf(b) : (a, b) => seqOf(a) > seqOf(b),
  )
  let last: number | undefined
  for (const stream of streams) {
    const seqs = stream.take(firstChunk)
    if (seqs.length > 0) parts.push({ stream, seqs, index: 0, chunk: firstChunk })
  }
  return {
    take(count) {
      const taken: number[] = []
      while (taken.length < count) {
        const part = parts.pop()
        if (part === undefined) break
        const seq = seqOf(part)
        if (seq !== last) taken.push(seq)
        last = seq
        part.index += 1
        if (part.index === part.seqs.length) {
          // Only few of many ranges have much to give: those are asked for more each time.
          part.chunk = Math.min(part.chunk * 4, MAX_CHUNK)
          part.seqs = part.stream.take(part.chunk)
          part.index = 0
        }
        if (part.seqs.length > 0) parts.push(part)
      }
      return taken
    },
  }
}
