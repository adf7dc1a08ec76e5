"""procrastinate: PostgreSQL only, woken by NOTIFY."""

from typing import Any

NAME = "procrastinate"
PACKAGES = ["procrastinate[django]"]
APPS = ["procrastinate.contrib.django"]
SETTINGS: dict[str, Any] = {}
WORKER = ["manage.py", "procrastinate", "worker"]
QUICK: list[str] = []
FOUR = [*WORKER, "--concurrency", "4"]
CAREFUL = WORKER
POLL = 0.0
DONE = ("procrastinate_jobs", "status = 'succeeded'")


def task(function: Any) -> Any:
    from procrastinate.contrib.django import app  # noqa: PLC0415 - needs the settings

    return app.task(function)


def enqueue(task: Any, value: int) -> None:
    task.defer(value=value)
