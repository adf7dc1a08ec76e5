"""django-ox: a database backend with leases and retries."""

from typing import Any

from .standard import DURABLE, enqueue, task

__all__ = ["DURABLE", "enqueue", "task"]

NAME = "django-ox"
PACKAGES = ["django-ox"]
APPS = ["django_ox"]
SETTINGS: dict[str, Any] = {"TASKS": {"default": {"BACKEND": "django_ox.backend.OxBackend"}}}
WORKER = ["manage.py", "ox_worker", "--verbosity", "0"]
QUICK = [*WORKER, "--interval", "0.01"]
FOUR = [*WORKER, "--concurrency", "4"]
CAREFUL = [*WORKER, "--lock-timeout", "15"]  # as in its own benchmark of kills
CALM = 40.0
POLL = 1.0
DONE = ("django_ox_oxtask", "status = 'SUCCESSFUL'")
