/** `plainsight/pino`: events as entries of a pino logger, and whose they are on its other entries. */

export { taskMixin, type TaskFields } from './context/task-fields.ts'
export {
  pinoObserver,
  type PinoLike,
  type PinoObserver,
  type PinoObserverOptions,
} from './observers/pino.ts'
export type { ObserverOptions } from './observers/observer-options.ts'
