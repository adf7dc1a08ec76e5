"""A SQLite database as of one moment, read from its files while others write to it.

In WAL mode, a reader pins a moment: the database file then changes only to what the log had by that moment, and the log
keeps what the reader needs. So a copy of the database file, followed by a copy of the log, is a complete database:
SQLite takes the committed part of the log when it opens the copy, as after a power cut. The copy has at least what was
committed when it began.

This way reads each byte once, and writes no second database. SQLite's own online backup does write one; it is used for
other journal modes. A writer restarts the log only when no reader needs it, see _copy_log.

A process loses its locks on a file when it closes any descriptor of it (POSIX). So these files are closed only after
the connection that holds the moment.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from djbundle.runtime.database import sqlite

BUSY_TIMEOUT = 60.0  # seconds to wait for a writer that locks a database without a log
LOG_SUFFIX = "-wal"
LOG_HEADER = 32  # bytes, with two numbers that each new log changes (sqlite.org/fileformat2.html, "The WAL file")
BUFFER = 1 << 20  # bytes


class SnapshotFile(NamedTuple):
    """One file of the copy. Only its first `size` bytes belong to the copy."""

    suffix: str  # of the database's name: "" or "-wal"
    file: BinaryIO
    size: int


@contextlib.contextmanager
def open_snapshot(database: Path, work: Path) -> Iterator[list[SnapshotFile]]:
    """Yield the files of a consistent copy. `work` is a folder for temporary copies.

    Raise sqlite3.Error for a damaged database, OSError for one that cannot be read.
    """
    with contextlib.ExitStack() as files, contextlib.closing(_connect(database)) as connection:
        if not _has_log(connection):
            copy = work / database.name
            sqlite.copy_database(database, copy)
            yield [_open(files, copy, "")]
            return
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # pins the moment
        main = _open(files, database, "")  # the log has pages that change later
        log = _copy_log(files, database, work)
        yield [main, log] if log else [main]


def _connect(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT)
    connection.isolation_level = None
    return connection


def _has_log(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")


def _copy_log(files: contextlib.ExitStack, database: Path, work: Path) -> SnapshotFile | None:
    """Copy the log into a temporary file; return None if the database file has everything.

    A writer restarts the log when all of it is in the database file and no reader needs it. If that happens during the
    copy, the snapshot needs no log, and the copy may mix two logs. So the copy is dropped. Each restart changes the
    header of the log.
    """
    source = _open(files, database, LOG_SUFFIX)
    header = source.file.read(LOG_HEADER)
    source.file.seek(0)
    copy = work / f"{database.name}{LOG_SUFFIX}"
    with copy.open("wb") as target:
        shutil.copyfileobj(source.file, target, BUFFER)
    source.file.seek(0)
    if len(header) < LOG_HEADER or source.file.read(LOG_HEADER) != header:
        return None
    return _open(files, work / database.name, LOG_SUFFIX)


def _open(files: contextlib.ExitStack, database: Path, suffix: str) -> SnapshotFile:
    """Open a file. It is closed after the connection."""
    file = files.enter_context(database.with_name(database.name + suffix).open("rb"))
    return SnapshotFile(suffix, file, os.fstat(file.fileno()).st_size)
