"""Prepares frequent statements on PostgreSQL, where planning them takes longer than running them.

Django prepares none because of poolers, which give each transaction another server process: what one of them has
prepared, the next does not know. So this module first asks whether the answering server process is that of the
connection.
"""

import sys
from contextlib import closing
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper

from djbundle.tasks.store.claimed_run import Row

_direct: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()  # keyed by the driver's connection


def rows_of(connection: BaseDatabaseWrapper, sql: str, params: list[Any]) -> list[Row]:
    """Return the rows that the statement returns."""
    connection.ensure_connection()
    if not can_prepare(connection):
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())
    with connection.wrap_database_errors, closing(_server_cursor(connection.connection)) as server:
        return list(server.execute(sql, params, prepare=True).fetchall())


def can_prepare(connection: BaseDatabaseWrapper) -> bool:
    """Return whether this is psycopg 3 without a pooler, and no wrapper wants to see each statement."""
    driver = connection.connection
    if connection.vendor != "postgresql" or not hasattr(driver, "pgconn") or connection.execute_wrappers:
        return False
    if driver not in _direct:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            _direct[driver] = cursor.fetchone() == (driver.info.backend_pid,)
        if _direct[driver] and driver.prepare_threshold is None:  # how Django says never
            driver.prepare_threshold = sys.maxsize  # only statements that ask for it
    return _direct[driver]


def _server_cursor(driver: Any) -> Any:
    """Return a cursor that binds values on the server; Django's own puts them into the text."""
    from psycopg import Cursor  # noqa: PLC0415 - where there is PostgreSQL

    return Cursor(driver)
