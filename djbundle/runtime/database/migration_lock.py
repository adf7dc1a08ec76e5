"""Lets one process at a time migrate a database, however many hosts start together. The others wait, and say so.

The lock belongs to a connection of its own, or to an open file, so it is gone when its process is. Waiting processes
poll for it. A statement that waits in the server would block ``CREATE INDEX CONCURRENTLY`` in the process that has the
lock, and so wait for ever.
"""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from djbundle.runtime.database import sqlite
from djbundle.runtime.logs.lines import log

NAME = "djbundle migrations"
POSTGRES_KEY = int.from_bytes(hashlib.sha256(NAME.encode()).digest()[:8], signed=True)
RETRY_INTERVAL = 0.5  # seconds

TryLock = Callable[[], bool]

_held: set[str] = set()  # databases that this process has locked, by alias


@contextlib.contextmanager
def migration_lock(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the lock of a database during the block; wait until it is free. The block may ask for it again.

    A database of another kind than SQLite, PostgreSQL and MySQL has no lock.
    """
    if connection.alias in _held:
        yield
        return
    with _opened_lock(connection) as try_lock:
        _wait_for(try_lock, connection.alias)
        _held.add(connection.alias)
        try:
            yield
        finally:
            _held.discard(connection.alias)


def _wait_for(try_lock: TryLock, alias: str) -> None:
    has_waited = False
    while not try_lock():
        if not has_waited:
            log(f'another process migrates the database "{alias}"; this one waits until it is done')
        has_waited = True
        time.sleep(RETRY_INTERVAL)


def _opened_lock(connection: BaseDatabaseWrapper) -> AbstractContextManager[TryLock]:
    """Return a context manager that opens what a lock needs, and yields a function that tries to take the lock."""
    if connection.vendor == "postgresql":
        return _postgres(connection)
    if connection.vendor == "mysql":
        return _mysql(connection)
    file = sqlite.file_of(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else None
    return _file(file) if file else contextlib.nullcontext(lambda: True)


@contextlib.contextmanager
def _postgres(connection: BaseDatabaseWrapper) -> Iterator[TryLock]:
    """Lock until the end of a transaction, since PgBouncer may give a session to several clients in turn."""
    with _own_connection(connection) as own, _transaction_of(own), own.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield partial(_is_granted, cursor, "SELECT pg_try_advisory_xact_lock(%s)", POSTGRES_KEY)


@contextlib.contextmanager
def _mysql(connection: BaseDatabaseWrapper) -> Iterator[TryLock]:
    """Lock by name. Names are those of the server, so the database is a part of it."""
    name = f"{NAME} {hashlib.sha256(str(connection.settings_dict['NAME']).encode()).hexdigest()[:32]}"
    with _own_connection(connection) as own, own.cursor() as cursor:
        yield partial(_is_granted, cursor, "SELECT GET_LOCK(%s, 0)", name)


def _is_granted(cursor: CursorWrapper, sql: str, name: int | str) -> bool:
    """Ask the server for a lock, and return whether it grants it."""
    cursor.execute(sql, [name])
    return bool(cursor.fetchone()[0])


@contextlib.contextmanager
def _file(database: Path) -> Iterator[TryLock]:
    """Lock a file beside the database: a lock on the database itself would be lost when SQLite closes it."""
    database.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(
        database.with_name(f".{database.name}.migrating"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )

    def try_lock() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield try_lock
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _own_connection(connection: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    own = connection.copy()
    try:
        yield own
    finally:
        own.close()


@contextlib.contextmanager
def _transaction_of(own: BaseDatabaseWrapper) -> Iterator[None]:
    """Run the block in one transaction of a connection that Django does not know by an alias."""
    own.set_autocommit(False)
    try:
        yield
    finally:
        with contextlib.suppress(Error):  # it is lost already, and the lock with it
            own.rollback()
