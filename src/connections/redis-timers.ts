/** The timers of ioredis, which would keep a process alive for a server that says nothing. */

import type { Cluster, Redis } from 'ioredis'

/** What ioredis keeps to itself. */
interface Timers {
  readonly reconnectTimeout?: NodeJS.Timeout | null
  socketTimeoutTimer?: NodeJS.Timeout | undefined
}

/** Of the wait before the next attempt to connect. */
export function unrefReconnect(client: Redis | Cluster): void {
  const { reconnectTimeout } = client as unknown as Timers
  reconnectTimeout?.unref?.()
}

/**
 * Those of the commands of a connection, some of which ioredis sends by itself. Whoever waits for an answer keeps the
 * process alive by the socket.
 */
export function watchTimers(client: Redis): void {
  const timers = client as unknown as Timers
  const send = client.sendCommand.bind(client)
  client.sendCommand = (command, stream) => {
    const answer = send(command, stream)
    const { _commandTimeoutTimer: timer } = command as unknown as {
      readonly _commandTimeoutTimer?: NodeJS.Timeout
    }
    timer?.unref?.()
    timers.socketTimeoutTimer?.unref?.()
    return answer
  }
  // That of a connection that has ended would end the next one (ioredis 5), or keep it without one of its own (6).
  client.on('close', () => {
    clearTimeout(timers.socketTimeoutTimer)
    timers.socketTimeoutTimer = undefined
  })
}
