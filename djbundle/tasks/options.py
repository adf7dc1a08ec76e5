"""What ``TASKS`` tells the worker: ``"OPTIONS": {"LEASE": 30, "KEEP": 604800, "LISTEN": True, "RUNSERVER": True}``."""

import datetime
from typing import Any

from djbundle.tasks import backends
from djbundle.tasks.task import Seconds, to_seconds

LEASE = 30.0  # seconds without a heartbeat, after which a task is given to another worker
KEEP = 7 * 86400.0  # seconds that finished tasks are kept
NAMES = ("BACKOFF", "KEEP", "LEASE", "LISTEN", "MAX_ATTEMPTS", "RATE_LIMITS", "RUNSERVER", "VERSION")


def option(name: str, default: Any) -> Any:
    """Of the first backend that has it."""
    found = (backend.options[name] for backend in backends.usable() if name in backend.options)
    return next(found, default)


def lease() -> datetime.timedelta:
    """How long a claim is good for."""
    return _duration(option("LEASE", LEASE))


def keep() -> datetime.timedelta | None:
    """How long finished tasks are kept; None: for ever."""
    value = option("KEEP", KEEP)
    return None if value is None else _duration(value)


def _duration(value: Seconds) -> datetime.timedelta:
    return datetime.timedelta(seconds=to_seconds(value))
