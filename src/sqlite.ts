/** `plainsight/sqlite`: records in one SQLite file, and events in another. */

export { sqliteBackend } from './backends/sqlite/backend.ts'
export type { SqliteBackendOptions } from './backends/sqlite/options.ts'
export { sqliteStreamObserver } from './observers/sqlite-stream/observer.ts'
export type { SqliteStreamObserverOptions } from './observers/sqlite-stream/observer.ts'
export { readSqliteEvents } from './observers/sqlite-stream/read.ts'
export type { EventFilterOptions } from './observers/stream/filter.ts'
export type { EventItem, ForeignItem, GapItem, StreamItem } from './observers/stream/item.ts'
export type { StreamObserver } from './observers/stream/observer.ts'
export type { ReadOptions } from './observers/stream/read-options.ts'
