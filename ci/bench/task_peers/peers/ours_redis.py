"""djbundle.tasks over Redis: rows, whose keys a relay sends."""

import os
from typing import Any

from .ours import APPS, CALM, CAREFUL, DONE, DURABLE, FOUR, POLL, QUICK, WORKER, enqueue, task

__all__ = ["APPS", "CALM", "CAREFUL", "DONE", "DURABLE", "FOUR", "POLL", "QUICK", "WORKER", "enqueue", "task"]

NAME = "djbundle"
PACKAGES = ["cronsim>=2.8", "kombu>=5.7,<6", "packaging>=25", "redis>=6.4,<9"]  # and this repository
OPTIONS = {"URL": os.environ.get("BENCH_REDIS_URL", "")}
SETTINGS: dict[str, Any] = {"TASKS": {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": OPTIONS}}}
