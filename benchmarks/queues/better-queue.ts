import Queue from 'better-queue'
import type { Mail } from '../mail.ts'
import { Countdown, CONCURRENCY, type OpenQueue } from './queue.ts'

/** In memory, its default store. */
export function betterQueue(): OpenQueue {
  return (body) => {
    const done = new Countdown()
    const send = (mail: Mail, callback: (error: null) => void): void => {
      body(mail)
      callback(null)
    }
    const queue = new Queue<Mail>(send, { concurrent: CONCURRENCY })
    queue.on('task_finish', () => done.add())
    return {
      enqueue: (mail) =>
        new Promise((resolve) => void queue.push(mail).on('queued', () => resolve(undefined))),
      start() {},
      finished: (count) => done.reach(count),
      close: () => new Promise((resolve) => queue.destroy(() => resolve(undefined))),
    }
  }
}
