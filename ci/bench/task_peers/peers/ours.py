"""djbundle.tasks, as it comes."""

from typing import Any

from .standard import enqueue, task

__all__ = ["enqueue", "task"]

NAME = "djbundle"
PACKAGES: list[str] = []  # this repository
APPS = ["djbundle.tasks"]
SETTINGS: dict[str, Any] = {"TASKS": {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}}
WORKER = ["manage.py", "worker"]
QUICK: list[str] = []  # no quicker one: it is woken
FOUR: list[str] = []  # it is the default
CAREFUL = WORKER
POLL = 0.0
DONE = ("djbundle_tasks_taskrecord", "status = 'SUCCESSFUL'")
