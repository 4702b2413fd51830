/** `plainsight/pino`: events as entries of a pino logger. */

export {
  pinoObserver,
  type PinoLike,
  type PinoObserver,
  type PinoObserverOptions,
} from './observers/pino.ts'
export type { ObserverOptions } from './observers/observer-options.ts'
