"""SQLite without what a cursor of Django's adds to each statement, which takes longer than a small statement itself."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

LISTED = "SELECT value FROM json_each(%s)"  # the values of a JSON list


def is_direct(connection: BaseDatabaseWrapper) -> bool:
    """Whether nobody wants to see its statements: no wrapper, no log of queries. Connects."""
    if connection.vendor != "sqlite" or connection.execute_wrappers or connection.queries_logged:
        return False
    connection.ensure_connection()
    return isinstance(connection.connection, sqlite3.Connection)  # some backends speak SQL of SQLite to a server


def execute(connection: BaseDatabaseWrapper, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """`sql` has Django's %s. Refuses and raises what a cursor of Django's does."""
    connection.validate_thread_sharing()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor: sqlite3.Cursor = connection.connection.execute(sql.replace("%s", "?"), values)
        return cursor


@contextmanager
def writing(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction that may write from its beginning: one that has read may find that another was faster."""
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
