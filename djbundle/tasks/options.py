"""The options of ``TASKS`` for the worker.

An example is ``"OPTIONS": {"LEASE": 30, "KEEP": 604800, "LISTEN": True, "RUNSERVER": True}``.
"""

import datetime
from typing import Any

from djbundle.tasks import backends
from djbundle.tasks.task import Seconds, to_seconds

LEASE = 30.0  # seconds without a heartbeat, after which a task is given to another worker
KEEP = 7 * 86400.0  # seconds that finished tasks are kept
NAMES = ("BACKOFF", "KEEP", "LEASE", "LISTEN", "MAX_ATTEMPTS", "RATE_LIMITS", "RUNSERVER", "VERSION")


def option(name: str, default: Any) -> Any:
    """Return the value of the first backend that sets this option."""
    values = (backend.options[name] for backend in backends.usable() if name in backend.options)
    return next(values, default)


def lease() -> datetime.timedelta:
    """Return how long a claim is valid without a heartbeat."""
    return _duration(option("LEASE", LEASE))


def keep() -> datetime.timedelta | None:
    """Return how long finished tasks are kept, or None for ever."""
    value = option("KEEP", KEEP)
    return None if value is None else _duration(value)


def _duration(value: Seconds) -> datetime.timedelta:
    return datetime.timedelta(seconds=to_seconds(value))
