"""Repeats an operation that the database has refused in favour of another one. It is expected to be repeated then."""

import functools
from collections.abc import Callable

from django.db import OperationalError, connections

from djbundle.tasks.store import transitions

ATTEMPTS = 4
MYSQL_DEADLOCK = 1213  # ER_LOCK_DEADLOCK
POSTGRESQL_DEADLOCK = "40P01"  # deadlock_detected


def retry_after_deadlock[**P, R](operation: Callable[P, R]) -> Callable[P, R]:
    """Return the operation, repeated after a deadlock. In a transaction of the caller's only the caller can repeat."""

    @functools.wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            try:
                return operation(*args, **kwargs)
            except OperationalError as error:
                if connections[transitions.alias()].in_atomic_block or not is_deadlock(error):
                    raise
        return operation(*args, **kwargs)

    return run


def is_deadlock(error: OperationalError) -> bool:
    """Return whether the database has ended this operation, so that another one could go on."""
    return error.args[:1] == (MYSQL_DEADLOCK,) or getattr(error.__cause__, "sqlstate", None) == POSTGRESQL_DEADLOCK
