/** What the errors of Redis and of a connection to it mean, and what can be done about them. */

import type { BackendErrorReason } from '../task/errors.ts'

export interface RedisFailure {
  readonly reason: BackendErrorReason
  /** The error's own words, and the next step. */
  readonly message: string
  /** The error, without what was sent. */
  readonly cause: unknown
}

interface Meaning {
  readonly pattern: RegExp
  readonly reason: BackendErrorReason
  readonly advice: string
}

/** The first that fits. Sources: the error prefixes in Redis' server.c (7.0), and the messages of ioredis and Node. */
const MEANINGS: readonly Meaning[] = [
  {
    pattern: /^(WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH|ERR Client sent AUTH)/,
    reason: 'access_denied',
    advice: 'check user name and password of the client',
  },
  {
    pattern: /NOPERM|The user executing the script can't/,
    reason: 'access_denied',
    advice:
      'the user may not do this; docs/redis.md (records) and docs/event-streams.md (streams) say what its ACL has to allow',
  },
  {
    pattern: /DB index is out of range|invalid DB index|SELECT is not allowed/,
    reason: 'cannot_open',
    advice:
      'this server has no database of that number; choose another (db), or raise its setting databases',
  },
  {
    pattern: /^(MOVED|ASK) /,
    reason: 'cannot_open',
    advice: 'this is one node of a cluster: give a Cluster of ioredis as client',
  },
  {
    pattern: /OOM command not allowed/,
    reason: 'full',
    advice:
      'Redis has reached its maxmemory; give it more, or keep finished records for a shorter time',
  },
  {
    // A call that waits is ended with `UNBLOCKED` when the master becomes a replica.
    pattern: /READONLY|^UNBLOCKED/,
    reason: 'read_only',
    advice: 'this is a replica; work goes on when the connection leads to the master',
  },
  {
    pattern: /MISCONF/,
    reason: 'read_only',
    advice: 'Redis cannot save to its disk and refuses writes; look at its log',
  },
  {
    pattern: /^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY)|Redis is loading/,
    reason: 'busy',
    advice: 'Redis is not ready yet; work goes on when it is',
  },
  {
    pattern: /max number of clients reached/,
    reason: 'unreachable',
    advice:
      'Redis has as many connections as its setting maxclients allows; work goes on when there is room',
  },
  {
    pattern: /WRONGTYPE/,
    reason: 'wrong_type',
    advice: 'the key holds something of another kind; choose another name or prefix',
  },
  {
    pattern: /Command timed out/,
    reason: 'timeout',
    advice: 'Redis did not answer in time; the command may have been carried out',
  },
  {
    // A port that does not speak TLS says nothing to somebody who does.
    pattern: /connect ETIMEDOUT|no connection within|Redis does not answer/,
    reason: 'unreachable',
    advice:
      'check that Redis runs at this address, and whether its port speaks TLS (rediss://) or not (redis://); work goes on when it is there',
  },
  {
    pattern:
      /Connection is closed|ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT|[Ss]ocket|no connection|All sentinels|None of startup nodes|Failed to refresh slots|connection was lost/,
    reason: 'unreachable',
    advice: 'check that Redis runs at this address; work goes on when it is there again',
  },
  {
    pattern:
      /Protocol error|Unknown RESP type|wrong version number|SSL|TLS|certificate|packet length/,
    reason: 'unreachable',
    advice:
      'check the port, whether it speaks TLS (rediss://) or not (redis://), and the certificate',
  },
]

/**
 * The meaning of `error`. When it only says that there is no connection, `trouble`, why there is none, says more.
 */
export function redisFailure(error: unknown, trouble: Error | undefined): RedisFailure {
  const own = meaningOf(error)
  const why = own?.reason === 'unreachable' && trouble !== undefined ? trouble : error
  const { reason, advice } = meaningOf(why) ?? {
    reason: own?.reason ?? 'unknown',
    advice: undefined,
  }
  const text = messageOf(why)
  const message = advice === undefined ? text : `${text}; ${advice}`
  return { reason, message, cause: withoutCommand(error) }
}

/** An error of ioredis carries its command: a password after AUTH, the inputs of tasks after EVALSHA. It ends in logs. */
function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const carrier = error as { command?: unknown; args?: unknown; lastNodeError?: unknown }
  delete carrier.command
  delete carrier.args
  withoutCommand(carrier.lastNodeError)
  withoutCommand(error.cause)
  return error
}

function meaningOf(error: unknown): Meaning | undefined {
  const text = messageOf(error)
  return MEANINGS.find(({ pattern }) => pattern.test(text))
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Its message is about an option of ours.
  if (error.name === 'MaxRetriesPerRequestError') return 'the connection was lost before the answer'
  if (error.message.includes("isn't writeable")) return 'there is no connection'
  // Which line of which script it was is nothing that a user could use.
  if (error.message !== '') return error.message.replace(/ script: [0-9a-f]{40}, on @.*$/s, '')
  // That of an AggregateError (several addresses tried) is empty.
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : error.name
}
