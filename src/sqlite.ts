/** `plainsight/sqlite`: records in one SQLite file. */

export { sqliteBackend } from './backends/sqlite/backend.ts'
export type { SqliteBackendOptions } from './backends/sqlite/options.ts'
