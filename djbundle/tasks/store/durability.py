"""Decides which commits need not wait for the disk.

A claim that a power failure undoes is not a loss: the run ended with the power, and the task waits again. So a claim is
not worth the milliseconds that a disk takes; the outcome of a run is. This applies to SQLite only, where the database
and all its users are on one machine. A PostgreSQL server that forgot a claim would meet workers that did not.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

NORMAL = 1  # PRAGMA synchronous: commits reach the disk a little later, and whole


@contextmanager
def relaxed(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let commits in this block not wait for the disk, where that is safe: with a write-ahead log."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    run = connection.connection.execute  # these three take microseconds, a Django cursor ten times as long
    (synchronous,) = run("PRAGMA synchronous").fetchone()
    if synchronous <= NORMAL or run("PRAGMA journal_mode").fetchone() != ("wal",):
        yield
        return
    run(f"PRAGMA synchronous = {NORMAL}")
    try:
        yield
    finally:
        if connection.connection:
            connection.connection.execute(f"PRAGMA synchronous = {synchronous}")
