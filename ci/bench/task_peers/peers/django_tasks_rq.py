"""django-tasks-rq: a task is sent after the commit, and its result is in Redis. RQ forks for each task by default."""

import os
from functools import partial
from typing import Any

from .standard import task

__all__ = ["task"]

NAME = "django-tasks-rq"
PACKAGES = ["django-tasks-rq"]
DURABLE = "after the request, in memory; Redis saves it each minute"
APPS = ["django_rq"]
SETTINGS: dict[str, Any] = {
    "TASKS": {"default": {"BACKEND": "django_tasks_rq.RQBackend"}},
    "RQ_QUEUES": {"default": {"URL": os.environ.get("BENCH_REDIS_URL", "")}},
}
WORKER = ["manage.py", "rqworker", "--job-class", "django_tasks_rq.Job"]
QUICK: list[str] = []
FOUR = [*WORKER, "--worker-class", "rq.SimpleWorker"]  # not four: one process without forks, its fastest
CAREFUL = WORKER
CALM = 40.0
POLL = 0.0
DONE = None
FINISHED = "rq:finished:default"  # the sorted set of Redis that has the tasks whose success is recorded


def enqueue(task: Any, value: int) -> None:
    from django.db import transaction  # noqa: PLC0415 - the benchmark itself reads these modules too

    transaction.on_commit(partial(task.enqueue, value))
