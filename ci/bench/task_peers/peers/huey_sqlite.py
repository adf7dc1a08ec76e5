"""huey with its SQLite storage, in its own file. A task is written there after the commit."""

from typing import Any

NAME = "huey"
PACKAGES = ["huey"]
DURABLE = "after the request, on disk (its default leaves SQLite at FULL)"
APPS = ["huey.contrib.djhuey"]
SETTINGS: dict[str, Any] = {
    "HUEY": {
        "huey_class": "huey.SqliteHuey",
        "name": "bench",
        "filename": "huey.sqlite3",
        "immediate": False,
        "consumer": {"workers": 1, "loglevel": 30},
    }
}
WORKER = ["manage.py", "run_huey", "--quiet"]
QUICK = [*WORKER, "--delay", "0.01", "--max-delay", "0.01"]
FOUR = [*WORKER, "--workers", "4"]
CAREFUL = WORKER
CALM = 20.0  # it never rescues them
POLL = 0.1  # grows while the queue is empty
DONE = None


def task(function: Any) -> Any:
    from huey.contrib.djhuey import on_commit_task  # noqa: PLC0415 - needs the settings

    return on_commit_task()(function)


def enqueue(task: Any, value: int) -> None:
    task(value)
