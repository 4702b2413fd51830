/** What has to be done when this process exits, however many want something done: with one listener. */

const tasks = new Set<() => void>()

/** Answers a function that takes it back. */
export function atExit(task: () => void): () => void {
  if (tasks.size === 0) process.on('exit', runAll)
  tasks.add(task)
  return () => {
    tasks.delete(task)
    if (tasks.size === 0) process.off('exit', runAll)
  }
}

function runAll(): void {
  for (const task of tasks) task()
}
