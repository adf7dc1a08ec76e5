"""django-tasks-db: the database backend that was developed with django.tasks."""

from typing import Any

from .standard import DURABLE, enqueue, task

__all__ = ["DURABLE", "enqueue", "task"]

NAME = "django-tasks-db"
PACKAGES = ["django-tasks-db"]
APPS = ["django_tasks_db"]
SETTINGS: dict[str, Any] = {"TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}}
WORKER = ["manage.py", "db_worker", "--verbosity", "0"]
QUICK = [*WORKER, "--interval", "0.01"]
FOUR: list[str] = []
CAREFUL = WORKER
CALM = 20.0  # it never rescues them
POLL = 1.0
DONE = ("django_tasks_database_dbtaskresult", "status = 'SUCCESSFUL'")
