/** `plainsight/redis`: records in Redis, and events in a Redis stream. */

export { redisBackend } from './backends/redis/backend.ts'
export type { RedisBackendOptions } from './backends/redis/options.ts'
export type { RedisSource } from './connections/redis.ts'
export { redisStreamObserver } from './observers/redis-stream.ts'
export type { RedisStreamObserverOptions } from './observers/redis-stream.ts'
export type { RedisStreamPlace } from './observers/redis-stream/place.ts'
export { readEvents } from './observers/redis-stream/read.ts'
export type { ReadEventsOptions } from './observers/redis-stream/read.ts'
export type { EventFilterOptions } from './observers/stream/filter.ts'
export type { EventItem, ForeignItem, GapItem, StreamItem } from './observers/stream/item.ts'
export type { StreamObserver } from './observers/stream/observer.ts'
export type { ReadOptions } from './observers/stream/read-options.ts'
