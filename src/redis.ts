/** `plainsight/redis`: records in Redis, and events in a Redis stream. */

export type { RedisSource } from './connections/redis.ts'
