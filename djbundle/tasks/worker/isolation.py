"""Keeps the state of one task from the next.

Such state is an activated language or time zone, context variables, or a transaction that the task has not ended.
"""

import contextvars
import decimal
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.cache import caches
from django.db import DatabaseError, connections

from djbundle.tasks import backends
from djbundle.tasks.worker import forks

logger = logging.getLogger("djbundle.tasks")


def run_in_own_context[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function in a context of its own, so that what it sets there is gone afterwards."""
    return contextvars.copy_context().run(function, *args, **kwargs)


def copy_decimal_context() -> None:
    """Give this context its own decimal context, which is changed in place. This takes longer than all else here."""
    decimal.setcontext(decimal.getcontext().copy())


def prepare_thread() -> None:
    """Create what all tasks of this thread share. Django keeps it in the context, so each task would create its own."""
    backends.usable()
    for alias in caches:
        with suppress(BaseException):  # the task that uses it will see the error
            caches[alias]


def call_and_close[T](call: Callable[[], T]) -> T:
    """Return what `call` returns. Leave no open transaction, which later tasks would use, and no old connection."""
    try:
        return call()
    finally:
        forks.end_copy()
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                logger.warning('a task has left a transaction open on "%s"; it is rolled back', connection.alias)
                connection.close()
                del connections[connection.alias]  # the object still believes that it is in that transaction
            else:
                connection.close_if_unusable_or_obsolete()


def call_in_savepoints[T](call: Callable[[], T]) -> T:
    """Return what `call` returns, inside the transaction of a TestCase.

    There, a task with a database error would make every later statement fail. Outside a test, a task without its own
    transaction would keep what it wrote before the error. So only what the database has refused is rolled back.
    """
    points = [(each, each.savepoint()) for each in connections.all(initialized_only=True) if each.in_atomic_block]
    try:
        return call()
    finally:
        for connection, point in reversed(points):
            _end_savepoint(connection, point)


def _end_savepoint(connection: Any, point: str | None) -> None:
    if not connection.needs_rollback:
        with suppress(DatabaseError):
            connection.savepoint_commit(point)
            return
    connection.needs_rollback = False
    connection.savepoint_rollback(point)
    connection.savepoint_commit(point)
