"""What ``TASKS`` says to the worker: ``"OPTIONS": {"LEASE": 30, "LISTEN": True, "RUNSERVER": True}``."""

import datetime
from typing import Any

from djbundle.tasks.compat import task_backends

LEASE = 30.0  # seconds without a heartbeat, after which a task is given to another worker


def option(name: str, default: Any) -> Any:
    """Of the first backend that has it."""
    found = (backend.options[name] for backend in task_backends.all() if name in backend.options)
    return next(found, default)


def lease() -> datetime.timedelta:
    """How long a claim is good for."""
    return datetime.timedelta(seconds=option("LEASE", LEASE))
