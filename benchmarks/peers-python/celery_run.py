"""Celery: enqueues tasks for one worker, which is a process of its own, and waits until they are done.

python celery_run.py URL POOL CONCURRENCY RESULTS TASKS, where POOL and CONCURRENCY are those of `celery worker`
(CONCURRENCY 0: its default), and RESULTS is `kept` (in Redis) or `ignored`.

Prints one line of JSON: the seconds from the first delay() until the last result is here; with ignored results, until no
message is left.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

url, pool, concurrency, results, count = sys.argv[1:]
count = int(count)
os.environ["CELERY_PEER_URL"] = url
os.environ["CELERY_PEER_RESULTS"] = results

from celery_app import app, send  # noqa: E402  reads the environment
from redis import Redis  # noqa: E402

POLL_SECONDS = 0.01
START_SECONDS = 60


def main(directory):
    store = Redis.from_url(url)
    store.flushall()
    log = os.path.join(directory, "worker.log")
    worker = start_worker(log)
    try:
        wait_for(worker)
        started_at = time.perf_counter()
        sent = [send.delay(user_id, "ada@example.com") for user_id in range(count)]
        if results == "kept":
            for result in sent:
                result.get(timeout=600)
        else:
            while store.llen("celery") or store.hlen("unacked"):
                time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started_at
    finally:
        # A warm shutdown: it ends what runs.
        worker.terminate()
        worker.wait()
        store.flushall()
    # What the bodies have written says that they ran, and with which input.
    with open(log) as file:
        written = [int(user_id) for user_id in re.findall(r"Sending user_id=(\d+)", file.read())]
    ran = set(written)
    print(json.dumps({"tasks": len(ran), "seconds": seconds, "sum": sum(ran), "lines": len(written)}))


def start_worker(log):
    command = [sys.executable, "-m", "celery", "--app", "celery_app", "worker"]
    options = ["--pool", pool, "--loglevel", "INFO", "--logfile", log, "--hostname", f"peer{os.getpid()}@localhost"]
    if int(concurrency) > 0:
        options += ["--concurrency", concurrency]
    return subprocess.Popen(
        command + options,
        cwd=os.path.dirname(os.path.abspath(__file__)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(worker):
    until = time.monotonic() + START_SECONDS
    while not app.control.ping(timeout=0.5):
        if worker.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the Celery worker did not start (exit code {worker.poll()})")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="plainsight-bench-") as directory:
        main(directory)
