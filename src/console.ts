/** `plainsight/console`: events as lines on the console. */

export {
  consoleObserver,
  type ConsoleObserver,
  type ConsoleObserverOptions,
} from './observers/console.ts'
export type { LineStream, TextStream } from './observers/line-sink.ts'
export type { ObserverOptions } from './observers/observer-options.ts'
