/** Calls that one pass of the script can do together, for each kind with one command where there would be many. */

/** One call of the backend, as arguments of the script. */
export interface Call {
  readonly operation: string
  readonly kind: 'insert' | 'append' | 'update' | 'other'
  readonly args: readonly string[]
  /** How many records or patches. */
  readonly count: number
  /** What it costs Redis, an insert or update of a record being 1. */
  readonly weight: number
  readonly characters: number
  /** For an insert: whether its answer depends on keys or on other records than its own. */
  readonly asks?: boolean | undefined
  /** For an update: whether it frees an idempotency key, and whether it is only done unless cancelled. */
  readonly frees?: boolean | undefined
  readonly unlessCancelled?: boolean | undefined
  /** For an insert: the earliest and latest creation of its records. */
  readonly createdFrom?: number | undefined
  readonly createdTo?: number | undefined
}

/** First the inserts, then the appends, then the updates; or one call of another kind. */
export interface Block<Item extends { readonly call: Call }> {
  readonly inserts: Item[]
  readonly appends: Item[]
  readonly updates: Item[]
  readonly other: Item | undefined
  readonly isOfTasks: boolean
  frees: boolean
}

export function startBlock<Item extends { readonly call: Call }>(
  call: Call,
  item: Item,
): Block<Item> {
  const block: Block<Item> = {
    inserts: [],
    appends: [],
    updates: [],
    other: call.kind === 'other' ? item : undefined,
    isOfTasks: call.kind === 'insert' || call.kind === 'update',
    frees: false,
  }
  addTo(block, call, item)
  return block
}

/**
 * False when the order of calls forbids it. An insert may overtake updates, since nobody can update what has no position
 * yet, unless it asks for a key that one of them frees.
 */
export function addTo<Item extends { readonly call: Call }>(
  block: Block<Item>,
  call: Call,
  item: Item,
): boolean {
  const { inserts, appends, updates, other } = block
  if (other !== undefined) return false
  switch (call.kind) {
    case 'insert':
      if (call.asks === true && block.frees) return false
      inserts.push(item)
      return true
    case 'append':
      if (updates.length > 0 || block.isOfTasks) return false
      appends.push(item)
      return true
    case 'update':
      updates.push(item)
      block.frees ||= call.frees === true
      return true
    case 'other':
      return false
  }
}

/** Adds the arguments of a block to `args`. */
export function argumentsOf<Item extends { readonly call: Call }>(
  { inserts, appends, updates, other }: Block<Item>,
  args: string[],
): void {
  if (other !== undefined) addAll(args, other.call.args)
  if (inserts.length > 0) {
    let from = Infinity
    let to = -Infinity
    for (const { call } of inserts) {
      from = Math.min(from, call.createdFrom ?? Infinity)
      to = Math.max(to, call.createdTo ?? -Infinity)
    }
    args.push('I', `${inserts.length}`, `${from}`, `${to}`)
    for (const { call } of inserts) addAll(args, call.args)
  }
  if (appends.length > 0) {
    args.push('P', `${countOf(appends)}`)
    for (const { call } of appends) addAll(args, call.args)
  }
  if (updates.length > 0) {
    const asks = updates.some(({ call }) => call.unlessCancelled === true)
    args.push('U', `${countOf(updates)}`, asks ? '1' : '0')
    for (const { call } of updates) addAll(args, call.args)
  }
}

function countOf(items: readonly { readonly call: Call }[]): number {
  return items.reduce((sum, { call }) => sum + call.count, 0)
}

function addAll(args: string[], more: readonly string[]): void {
  for (const each of more) args.push(each)
}
