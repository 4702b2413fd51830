import { createExecutor, defineTask, taskLog } from 'plainsight'
import { consoleObserver } from 'plainsight/console'

const sendWelcome = defineTask({
  name: 'send-welcome',
  retries: 2,
  backoff: { delay: '50ms', jitter: 'none' },
  run({ to }: { to: string }, { attempt }) {
    taskLog(`connecting for ${to}`)
    if (attempt === 0) throw new Error('the mail server is busy')
    return `sent to ${to}`
  },
})

const executor = createExecutor({
  tasks: [sendWelcome],
  observers: [
    consoleObserver({ minLevel: 'error' }), // would show a task that failed for good
    {
      minLevel: { default: 'info', 'tag:plan=pro': 'debug' }, // the whole story of paying customers
      onEvent(event) {
        if (!('taskId' in event)) return
        const text = event.type === 'task.log' ? event.message : event.status
        console.log(event.level, event.type, event.attempt, text)
      },
    },
  ],
})
const handle = await executor.enqueue(sendWelcome, { to: 'Ada' }, { tags: { plan: 'pro' } })
console.log(await handle.result())
await executor.close()
