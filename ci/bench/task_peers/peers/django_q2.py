"""django-q2 with its ORM broker."""

import os
from typing import Any

NAME = "django-q2"
PACKAGES = ["django-q2"]
DURABLE = "with the request, on disk"
APPS = ["django_q"]
SETTINGS: dict[str, Any] = {
    "Q_CLUSTER": {
        "name": "bench",
        "orm": "default",
        "workers": 1,
        "timeout": 10,
        "retry": 15,
        "save_limit": 0,  # keeps all results, as the others do
        "log_level": "WARNING",
        "poll": 0.01 if os.environ.get("BENCH_MODE") == "quick" else 0.2,
    }
}
WORKER = ["manage.py", "qcluster"]
QUICK = WORKER  # by BENCH_MODE
FOUR: list[str] = []
CAREFUL = WORKER
CALM = 40.0
POLL = 0.2
DONE = ("django_q_task", "success")


def task(function: Any) -> Any:
    return function


def enqueue(task: Any, value: int) -> None:
    from django_q.tasks import async_task  # noqa: PLC0415 - needs the settings

    async_task(f"jobs.tasks.{task.__name__}", value)
