"""Runs SQLite statements without Django's cursor, which takes longer than a small statement itself."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

LISTED = "SELECT value FROM json_each(%s)"  # the values of a JSON list


def is_direct(connection: BaseDatabaseWrapper) -> bool:
    """Return whether no wrapper or query log wants to see its statements. Connect if necessary."""
    if connection.vendor != "sqlite" or connection.execute_wrappers or connection.queries_logged:
        return False
    connection.ensure_connection()
    return isinstance(connection.connection, sqlite3.Connection)  # some backends send SQLite's SQL to a server


def execute(connection: BaseDatabaseWrapper, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """Execute `sql`, with Django's %s. Refuse and raise what a Django cursor refuses and raises."""
    connection.validate_thread_sharing()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor: sqlite3.Cursor = connection.connection.execute(sql.replace("%s", "?"), values)
        return cursor


@contextmanager
def writing(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Open a transaction that may write from its beginning.

    A transaction that reads first may find, when it writes, that another one was faster.
    """
    if connection.in_atomic_block:
        yield
        return
    execute(connection, "BEGIN IMMEDIATE")
    try:
        yield
        execute(connection, "COMMIT")
    finally:
        if connection.connection.in_transaction:
            execute(connection, "ROLLBACK")
