"""Celery on Redis, one process: a task is sent after the commit, results are not kept (both as documented)."""

import os
from typing import Any

NAME = "celery on Redis"
PACKAGES = ["celery[redis]"]
APPS: list[str] = []
SETTINGS: dict[str, Any] = {"CELERY_BROKER_URL": f"redis+socket://{os.environ.get('BENCH_REDIS', '')}"}
WORKER = ["-m", "celery", "--app", "celery_app", "worker", "--concurrency", "1", "--loglevel", "ERROR"]
QUICK: list[str] = []
FOUR = [*WORKER[:-4], "--pool", "threads", "--concurrency", "4", *WORKER[-2:]]
CAREFUL = WORKER
POLL = 0.0
DONE = None


def task(function: Any) -> Any:
    from celery_app import app  # noqa: PLC0415 - needs the settings

    return app.task(function)


def enqueue(task: Any, value: int) -> None:
    task.delay_on_commit(value)
