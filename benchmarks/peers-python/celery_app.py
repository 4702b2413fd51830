"""The Celery application that both sides load: celery_run.py enqueues, the worker runs."""

import os

from celery import Celery
from celery.utils.log import get_task_logger

LINES = 5

url = os.environ["CELERY_PEER_URL"]
keeps_results = os.environ["CELERY_PEER_RESULTS"] == "kept"
app = Celery("peer", broker=url, backend=url if keeps_results else None)
logger = get_task_logger(__name__)


@app.task(ignore_result=not keeps_results)
def send(user_id, to):
    for _ in range(LINES):
        logger.info("Sending user_id=%s", user_id)
    return user_id
