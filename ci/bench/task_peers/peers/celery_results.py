"""Celery on Redis as careful as its documentation tells: acks late, and results in the database of the project."""

from typing import Any

from . import celery_direct
from .celery_direct import CALM, CAREFUL, DURABLE, FOUR, POLL, QUICK, WORKER, enqueue, task

__all__ = ["CALM", "CAREFUL", "DURABLE", "FOUR", "POLL", "QUICK", "WORKER", "enqueue", "task"]

NAME = "celery"
PACKAGES = ["celery[redis]", "django-celery-results"]
APPS = ["django_celery_results"]
SETTINGS: dict[str, Any] = celery_direct.SETTINGS | {
    "CELERY_RESULT_BACKEND": "django-db",
    "CELERY_TASK_ACKS_LATE": True,
}
DONE = ("django_celery_results_taskresult", "status = 'SUCCESS'")
