"""Celery over the port of Redis, as celery_redis.py has it otherwise: results are not stored."""

import os
from typing import Any

from . import celery_redis
from .celery_redis import APPS, CALM, CAREFUL, DONE, DURABLE, FOUR, PACKAGES, POLL, QUICK, WORKER, enqueue, task

__all__ = ["APPS", "CALM", "CAREFUL", "DONE", "DURABLE", "FOUR", "PACKAGES"]
__all__ += ["POLL", "QUICK", "WORKER", "enqueue", "task"]

NAME = "celery, no results"
SETTINGS: dict[str, Any] = celery_redis.SETTINGS | {"CELERY_BROKER_URL": os.environ.get("BENCH_REDIS_URL", "")}
