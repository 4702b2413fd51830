/** How far the server's clock is ahead of this machine's: due times are kept in the server's, which all machines share. */

import type { TaskState } from '../../task/record.ts'

export interface ClockOffset {
  /** The server's clock showed `serverTime` between sending and answering. */
  note(serverTime: number, timing: { readonly sentAt: number; readonly answeredAt: number }): void
  toServer(localTime: number): number
  toLocal(serverTime: number): number
  forServer(state: TaskState): TaskState
}

/** Less than this is no difference: the way there and back cannot be told from it, and within a machine there is none. */
const MIN_OFFSET_MS = 250

export function createClockOffset(): ClockOffset {
  let offset = 0

  return {
    note(serverTime, { sentAt, answeredAt }) {
      if (!Number.isFinite(serverTime)) return
      // The clock was read somewhere on the way: half of the way is what nobody knows.
      const unknown = (answeredAt - sentAt) / 2
      // Set back in between: the next answer tells.
      if (unknown < 0) return
      const measured = Math.round(serverTime - sentAt - unknown)
      // What it was is kept until it is clearly something else: it must not tremble with the length of the way.
      if (Math.abs(measured - offset) < MIN_OFFSET_MS + unknown) return
      offset = Math.abs(measured) < MIN_OFFSET_MS + unknown ? 0 : measured
    },
    toServer: (localTime) => localTime + offset,
    toLocal: (serverTime) => serverTime - offset,
    forServer: (state) => (offset === 0 ? state : { ...state, dueAt: state.dueAt + offset }),
  }
}
