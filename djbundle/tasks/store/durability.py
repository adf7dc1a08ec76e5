"""What need not be on the disk before the work goes on.

A claim that a power failure takes back is no loss: the run ended with the power, and the task waits again. So it is not
worth the milliseconds that a disk takes. How a run ended is. SQLite only: its database and all who use it are on one
machine; a PostgreSQL that forgot a claim would meet workers that did not.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

NORMAL = 1  # PRAGMA synchronous: what is committed is on the disk some time later, and whole


@contextmanager
def relaxed(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Commits in this block do not wait for the disk, where that is safe: with a write-ahead log."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    run = connection.connection.execute  # these three take microseconds, a cursor of Django's ten times as long
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
