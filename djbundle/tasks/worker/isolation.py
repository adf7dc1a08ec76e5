"""What one task leaves behind must not reach the next one: an activated language or time zone, context variables, a
transaction that it has not ended.
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

logger = logging.getLogger("djbundle.tasks")


def run_alone[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it with a context of its own: what it sets there is gone afterwards."""
    return contextvars.copy_context().run(function, *args, **kwargs)


def copy_decimal_context() -> None:
    """In a context that has one already: it is changed in place. Takes longer than all else here."""
    decimal.setcontext(decimal.getcontext().copy())


def prepare_thread() -> None:
    """Make what all tasks of this thread share; Django keeps it in the context, where each would make its own."""
    backends.usable()
    for alias in caches:
        with suppress(BaseException):  # whoever uses it will see
            caches[alias]


def call_and_close[T](call: Callable[[], T]) -> T:
    """What `call` returns; afterwards no transaction is open, which would swallow all that later tasks write."""
    try:
        return call()
    finally:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                logger.warning('a task has left a transaction open on "%s"; it is rolled back', connection.alias)
                connection.close()
                del connections[connection.alias]  # it takes itself for being in that transaction still


def call_in_savepoints[T](call: Callable[[], T]) -> T:
    """What `call` returns, inside the transaction of a TestCase.

    There, a task that fails in the database would make every later statement fail, and one that has no transaction of
    its own would in real life keep what it has written before. So only what the database has refused is rolled back.
    """
    points = [(each, each.savepoint()) for each in connections.all(initialized_only=True) if each.in_atomic_block]
    try:
        return call()
    finally:
        for connection, point in reversed(points):
            _leave(connection, point)


def _leave(connection: Any, point: str | None) -> None:
    if not connection.needs_rollback:
        with suppress(DatabaseError):
            connection.savepoint_commit(point)
            return
    connection.needs_rollback = False
    connection.savepoint_rollback(point)
    connection.savepoint_commit(point)
