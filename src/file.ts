/** `plainsight/file`: events as JSON lines in a file. */

export { fileObserver, type FileObserver, type FileObserverOptions } from './observers/file.ts'
export type { ObserverOptions } from './observers/observer-options.ts'
