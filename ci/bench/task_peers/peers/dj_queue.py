"""dj-queue: Solid Queue of Rails for django.tasks."""

import os
from typing import Any

from .standard import DURABLE, enqueue, task

__all__ = ["DURABLE", "enqueue", "task"]

_OPTIONS: dict[str, dict[str, Any]] = {
    "quick": {"workers": [{"polling_interval": 0.01}]},
    "careful": {"process_heartbeat_interval": 3, "process_alive_threshold": 10},
}

NAME = "dj-queue"
PACKAGES = ["dj-queue"]
APPS = ["dj_queue"]
SETTINGS: dict[str, Any] = {
    "DATABASE_ROUTERS": ["dj_queue.routers.DjQueueRouter"],
    "TASKS": {
        "default": {
            "BACKEND": "dj_queue.backend.DjQueueBackend",
            "QUEUES": [],
            "OPTIONS": _OPTIONS.get(os.environ.get("BENCH_MODE", ""), {}),
        }
    },
}
WORKER = ["manage.py", "dj_queue"]
QUICK = WORKER  # by BENCH_MODE
FOUR: list[str] = []  # the default has three
CAREFUL = WORKER
CALM = 40.0
POLL = 0.1
DONE = ("dj_queue_jobs", "finished_at IS NOT NULL")
