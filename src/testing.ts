/**
 * For tests of tasks, and for authors of backends, observers and engines. Imports no test runner.
 *
 * @module
 */

export { inlineEngine } from './engines/inline.ts'
export { backendCases } from './testing/backend-cases.ts'
export type { BackendCase, BackendSetup } from './testing/backend-cases.ts'
export { engineCases } from './testing/engine-cases.ts'
export type {
  EngineCase,
  EngineExecutor,
  EngineExecutorOptions,
  EngineSetup,
} from './testing/engine-cases.ts'
export { faultyBackend, seededFaults } from './testing/faulty-backend.ts'
export type { BackendMethod, Fault, FaultPlan } from './testing/faulty-backend.ts'
export { HOSTILE_TEXTS, sampleEventsWith } from './testing/hostile-text.ts'
export { manualClock } from './testing/manual-clock.ts'
export type { ManualClock } from './testing/manual-clock.ts'
export { observerCases } from './testing/observer-cases.ts'
export type { ObserverCase, ObserverSetup, ObserverSubject } from './testing/observer-cases.ts'
export { repeatingBackend } from './testing/repeating-backend.ts'
export { sampleEvents } from './testing/sample-events.ts'
export { waitFor } from './testing/wait-for.ts'
export type { WaitForOptions } from './testing/wait-for.ts'
