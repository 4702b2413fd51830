/** A TCP proxy whose link can break in every way: for what happens between a client and a server. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** How many connections are open. */
  readonly connections: number
  /** Cuts all connections with a RST, in the middle of whatever is under way. */
  reset(): void
  /** From now on new connections are refused and open ones cut, until {@link heal}. */
  refuse(): void
  /** From now on nothing gets through, in either direction, and nobody is told: a half-open link. */
  blackHole(direction?: 'both' | 'to-server' | 'to-client'): void
  /** Delays what is on its way by so many milliseconds. */
  delay(milliseconds: number): void
  /**
   * New connections get through again. Those that were in a black hole stay dead, as after a router that forgot them,
   * unless `reviveOld`.
   */
  heal(options?: { readonly reviveOld?: boolean }): void
  close(): Promise<void>
}

interface Link {
  readonly client: Socket
  readonly server: Socket
  isDead: boolean
}

export async function tcpProxy(toPort: number, toHost = '127.0.0.1'): Promise<TcpProxy> {
  const links = new Set<Link>()
  let isRefusing = false
  let hole: 'none' | 'both' | 'to-server' | 'to-client' = 'none'
  let delayMs = 0

  const server = createServer((client) => {
    if (isRefusing) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(toPort, toHost)
    const link: Link = { client, server: upstream, isDead: false }
    links.add(link)
    const end = (): void => {
      links.delete(link)
      client.destroy()
      upstream.destroy()
    }
    pass(client, upstream, 'to-server', link)
    pass(upstream, client, 'to-client', link)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      // In a black hole nobody hears of an end, either.
      socket.on('error', () => (link.isDead ? undefined : end()))
      socket.on('close', () => (link.isDead ? undefined : end()))
    }
  })

  function pass(from: Socket, to: Socket, direction: 'to-server' | 'to-client', link: Link): void {
    from.on('data', (data) => {
      if (hole === 'both' || hole === direction) link.isDead = true
      if (link.isDead || to.destroyed) return
      if (delayMs === 0) {
        to.write(data)
        return
      }
      setTimeout(() => {
        if (!link.isDead && !to.destroyed) to.write(data)
      }, delayMs)
    })
  }

  function cutAll(): void {
    for (const link of links) {
      link.isDead = false
      link.client.resetAndDestroy()
      link.server.resetAndDestroy()
    }
    links.clear()
  }

  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size
    },
    reset: cutAll,
    refuse() {
      isRefusing = true
      cutAll()
    },
    blackHole(direction = 'both') {
      hole = direction
      // In one direction, a link dies with the first that should have gone there.
      if (direction === 'both') for (const link of links) link.isDead = true
    },
    delay(milliseconds) {
      delayMs = milliseconds
    },
    heal({ reviveOld = false } = {}) {
      isRefusing = false
      hole = 'none'
      if (reviveOld) for (const link of links) link.isDead = false
    },
    async close() {
      cutAll()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
}
