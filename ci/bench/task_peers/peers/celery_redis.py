"""Celery on Redis, one process: a task is sent after the commit, results are not stored (both as documented)."""

import os
from typing import Any

NAME = "celery on Redis"
PACKAGES = ["celery[redis]"]
DURABLE = "after the request, in memory; Redis saves it each minute"
APPS: list[str] = []
SETTINGS: dict[str, Any] = {
    "CELERY_BROKER_URL": f"redis+socket://{os.environ.get('BENCH_REDIS', '')}",
    "CELERY_WORKER_PREFETCH_MULTIPLIER": 64,  # its documentation's advice for many short tasks
}
if os.environ.get("BENCH_MODE") == "careful":  # as documented for tasks that may run twice
    SETTINGS |= {
        "CELERY_TASK_ACKS_LATE": True,
        "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
        "CELERY_TASK_REJECT_ON_WORKER_LOST": True,
        "CELERY_BROKER_TRANSPORT_OPTIONS": {"visibility_timeout": 10},  # default: an hour
    }
WORKER = ["-m", "celery", "--app", "celery_app", "worker", "--concurrency", "1", "--loglevel", "ERROR"]
QUICK: list[str] = []
FOUR = [*WORKER[:-4], "--pool", "threads", "--concurrency", "4", *WORKER[-2:]]
CAREFUL = WORKER
CALM = 130.0  # it checks every 100 s
POLL = 0.0
DONE = None


def task(function: Any) -> Any:
    from celery_app import app  # noqa: PLC0415 - needs the settings

    return app.task(function)


def enqueue(task: Any, value: int) -> None:
    task.delay_on_commit(value)
