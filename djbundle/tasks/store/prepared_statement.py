"""A statement that is run again and again, which PostgreSQL need not plan each time: that takes longer than to run it.

Django prepares none, because of poolers that give each transaction another server process: what one of them has
prepared, the next does not know. So it is asked first whether the process that answers is that of the connection.
"""

import sys
from contextlib import closing
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper

from djbundle.tasks.store.claimed_run import Row

_direct: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()  # by the driver's connection


def rows_of(connection: BaseDatabaseWrapper, sql: str, params: list[Any]) -> list[Row]:
    """What it returns."""
    connection.ensure_connection()
    if not can_prepare(connection):
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())
    with connection.wrap_database_errors, closing(_server_cursor(connection.connection)) as server:
        return list(server.execute(sql, params, prepare=True).fetchall())


def can_prepare(connection: BaseDatabaseWrapper) -> bool:
    """Whether it is psycopg 3 without a pooler, and nobody wants to see each statement."""
    driver = connection.connection
    if connection.vendor != "postgresql" or not hasattr(driver, "pgconn") or connection.execute_wrappers:
        return False
    if driver not in _direct:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            _direct[driver] = cursor.fetchone() == (driver.info.backend_pid,)
        if _direct[driver] and driver.prepare_threshold is None:  # Django's way to say never
            driver.prepare_threshold = sys.maxsize  # only what asks for it
    return _direct[driver]


def _server_cursor(driver: Any) -> Any:
    """Django's own puts the values into the text."""
    from psycopg import Cursor  # noqa: PLC0415 - where there is PostgreSQL

    return Cursor(driver)
