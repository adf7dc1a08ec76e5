"""Closes the database connections of threads that end.

Django keeps connections by thread, and leaves those of a thread that has ended to the garbage collector, which may come
much later. Until then an open transaction holds its locks: with SQLite, no other process can write.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from django.db.backends.signals import connection_created

logger = logging.getLogger("djbundle.database")


def close_with_threads() -> None:
    """Close connections that are opened from now on when the threads that opened them end. Call it once a process."""
    connection_created.connect(_note, weak=False, dispatch_uid=__name__)


def _current() -> tuple[int, int]:
    """Return the identifiers of this process and this thread."""
    return os.getpid(), threading.get_ident()


class _Connections:
    """The connections of one thread. It is deleted when that thread ends, by that thread."""

    def __init__(self) -> None:
        self._owner = _current()
        self._opened: WeakSet[Any] = WeakSet()

    def add(self, connection: Any) -> None:
        self._opened.add(connection)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if is_finalizing():  # the process ends: names of modules may be gone
            return
        if self._owner != _current():  # a forked process has no part in the connections of its parent
            return
        for connection in list(self._opened):
            if not connection.allow_thread_sharing:  # else another thread has it
                with suppress(Exception):
                    _close(connection)


class _Own(threading.local):
    def __init__(self) -> None:
        self.connections = _Connections()


_own = _Own()


def _note(connection: Any, **_: Any) -> None:
    _own.connections.add(connection)


def _close(connection: Any) -> None:
    if connection.in_atomic_block and connection.connection is not None:
        logger.warning('a thread has ended in a transaction on "%s"; it is rolled back', connection.alias)
    connection.close()
