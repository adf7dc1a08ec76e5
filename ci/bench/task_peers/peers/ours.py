"""djbundle.tasks with its defaults."""

from typing import Any

from .standard import DURABLE, enqueue, task

__all__ = ["DURABLE", "enqueue", "task"]

NAME = "djbundle"
PACKAGES: list[str] = ["cronsim>=2.8"]  # and this repository
APPS = ["djbundle.tasks"]
SETTINGS: dict[str, Any] = {"TASKS": {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}}
WORKER = ["manage.py", "worker"]
QUICK: list[str] = []  # none: it is woken and does not wait for a poll
FOUR: list[str] = []  # it is the default
CAREFUL = WORKER
CALM = 40.0
POLL = 0.0
DONE = ("djbundle_tasks_taskrecord", "status = 'SUCCESSFUL'")
