"""fastapi-taskflow: one request's worth of tasks, as its README has them, in one process without HTTP.

python taskflow.py WAY TASKS, where WAY is one of
  sequential  BackgroundTasks as Starlette runs them after a response: one after another
  queue       the named queue "default" with concurrency 100; one thread writes the file, because with the four that it has
              by default some records met "database is locked", and were written a minute later
  memory      the same queue without a snapshot file

Prints one line of JSON: the seconds from the first add_task until all are in the file as successes.
"""

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time

from fastapi import BackgroundTasks
from fastapi_taskflow import QueueConfig, TaskManager, task_log
from fastapi_taskflow.backends import SqliteBackend

LINES = 5
POLL_SECONDS = 0.01


async def main(way, count, path):
    in_memory = way == "memory"
    queues = {"default": QueueConfig(concurrency=100)}
    if way == "sequential":
        manager = TaskManager(snapshot_db=path)
    elif way == "queue":
        manager = TaskManager(snapshot_backend=SqliteBackend(path, max_workers=1), queues=queues)
    else:
        manager = TaskManager(queues=queues)
    ran = []

    @manager.task()
    async def send(user_id, to):
        for _ in range(LINES):
            task_log("Sending", user_id=user_id)
        ran.append(user_id)

    await manager.startup()
    started_at = time.perf_counter()
    background_tasks = BackgroundTasks()
    tasks = manager.get_tasks(background_tasks)
    for user_id in range(count):
        tasks.add_task(send, user_id, "ada@example.com")
    # What Starlette awaits after the response; with named queues it is empty.
    await background_tasks()
    succeeded = memory_count(manager) if in_memory else file_count(path)
    while succeeded() < count:
        await asyncio.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - started_at
    await manager.shutdown()
    lines = sum(len(record.logs) for record in manager.store.list())
    if not in_memory:
        lines = stored_lines(path)
    print(json.dumps({"tasks": len(ran), "seconds": seconds, "sum": sum(ran), "lines": lines}))


def memory_count(manager):
    return lambda: sum(record.status.value == "success" for record in manager.store.list())


def file_count(path):
    connection = sqlite3.connect(path)
    query = "SELECT count(*) FROM task_snapshots WHERE status = 'success'"
    return lambda: connection.execute(query).fetchone()[0]


def stored_lines(path):
    logs = sqlite3.connect(path).execute("SELECT logs_json FROM task_snapshots")
    return sum(len(json.loads(text)) for (text,) in logs)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="plainsight-bench-") as directory:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]), os.path.join(directory, "tasks.db")))
