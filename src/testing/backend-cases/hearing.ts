/** For promises that somebody hears of something soon, who may not have begun to listen yet. */

import { waitFor } from '../wait-for.ts'

/** Says it until it is heard: within a second. */
export async function hearing(say: () => unknown, isHeard: () => boolean): Promise<void> {
  await waitFor(
    async () => {
      if (!isHeard()) await say()
      return isHeard()
    },
    { what: 'that it is heard', timeout: '1s' },
  )
}
