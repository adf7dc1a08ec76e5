"""The last errors of a site, in groups, in a SQLite file of their own in the data directory.

An error belongs to a group by its type and the innermost line of the project. The file is bounded, and nothing that
happens to it, a full disk or a damaged page, reaches a request. A power cut may damage it: no error waits for the disk.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Self

from djbundle.runtime.core.own_files import open_own

FILE = "errors.sqlite3"
LAYOUT = 1  # of the table; a file with another one is made anew
MAX_GROUPS = 200
MAX_PAGES = 4096  # of 4 KB
MAX_TEXT_SIZES = {"traceback": 32_000, "message": 1000, "path": 500, "agent": 200}  # characters
LOCK_TIMEOUT = 0.2  # seconds that an error waits for others; then it is not kept
SCHEMA = """
CREATE TABLE error (
    id INTEGER PRIMARY KEY, kind TEXT, place TEXT, message TEXT, method TEXT, path TEXT, request TEXT, agent TEXT,
    version TEXT, traceback TEXT, count INTEGER, first REAL, last REAL, UNIQUE (kind, place)
)
"""
ADD = """
INSERT INTO error (kind, place, message, method, path, request, agent, version, traceback, count, first, last)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
ON CONFLICT (kind, place) DO UPDATE SET count = count + 1, message = excluded.message, method = excluded.method,
    path = excluded.path, request = excluded.request, agent = excluded.agent, version = excluded.version,
    traceback = excluded.traceback, last = excluded.last
"""
FORGET = f"DELETE FROM error WHERE id NOT IN (SELECT id FROM error ORDER BY last DESC LIMIT {MAX_GROUPS})"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One error. The texts have no secrets that are known."""

    kind: str  # the type of the exception, with its module
    place: str  # the innermost line of the project, or of a package if the project has none
    message: str
    method: str = ""
    path: str = ""
    request: str = ""  # its identifier, as in the access log
    agent: str = ""  # the browser
    version: str = ""  # of the site
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup(Occurrence):
    """The last error of a group, and how often there was one. Times are seconds since 1970."""

    id: int
    count: int
    first: float
    last: float

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        return cls(**{each.name: row[each.name] for each in fields(cls)})


class KeptErrors:
    """The file of a data directory. Each call opens it, so that no fork inherits a connection."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE

    def add(self, occurrence: Occurrence) -> None:
        """Keep an error. Never fail."""
        try:
            self._add(occurrence)
        except (sqlite3.OperationalError, OSError):  # locked, a full disk, no rights
            return
        except sqlite3.DatabaseError:  # damaged
            with contextlib.suppress(OSError):
                self._file.unlink()

    def _add(self, occurrence: Occurrence) -> None:
        os.close(open_own(self._file, os.O_RDWR | os.O_CREAT))
        now = time.time()
        texts = {name: text[: MAX_TEXT_SIZES.get(name, 300)] for name, text in asdict(occurrence).items()}
        texts["traceback"] = occurrence.traceback[-MAX_TEXT_SIZES["traceback"] :]  # the error stands at its end
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
                connection.execute("DROP TABLE IF EXISTS error")
                connection.execute(SCHEMA)
                connection.execute(f"PRAGMA user_version = {LAYOUT}")
            connection.execute(ADD, (*astuple(Occurrence(**texts)), now, now))
            connection.execute(FORGET)
            connection.execute("COMMIT")

    def groups(self) -> list[ErrorGroup]:
        """Return the groups, the newest first."""
        try:
            os.close(open_own(self._file, os.O_RDONLY))
            with self._opened() as connection:
                return [
                    ErrorGroup.from_row(row) for row in connection.execute("SELECT * FROM error ORDER BY last DESC")
                ]
        except (sqlite3.DatabaseError, OSError):  # there is none, or it is damaged
            return []

    def clear(self) -> None:
        """Forget all errors."""
        self._file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._file, timeout=LOCK_TIMEOUT, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA max_page_count = {MAX_PAGES}")
            yield connection
        finally:
            connection.close()
