"""djbundle.tasks in direct mode: messages of Redis carry whole tasks, and a task that succeeds leaves no trace."""

import os
from typing import Any

from .ours_redis import APPS, CALM, CAREFUL, FOUR, PACKAGES, POLL, QUICK, WORKER, enqueue, task

__all__ = ["APPS", "CALM", "CAREFUL", "FOUR", "PACKAGES", "POLL", "QUICK", "WORKER", "enqueue", "task"]

NAME = "djbundle, rows=no"
DURABLE = "after the request, in memory; Redis saves it each minute"
OPTIONS = {"URL": f"{os.environ.get('BENCH_REDIS_URL', '')}?rows=no"}
SETTINGS: dict[str, Any] = {"TASKS": {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": OPTIONS}}}
DONE = None
