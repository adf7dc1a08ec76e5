"""Finds databases that a project ships to be read, as a table of places: they belong to its code, not to a site.

Such an SQLite file is not in DATABASES, and has no tables of Django's. Git tracks it, or the project opens it with
``mode=ro``.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from djbundle.builder.contents.secret_names import suspicion_of_name
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.project.project import Project

LOOKUP = "a database that is only read"
MAGIC = b"SQLite format 3\0"
READ_ONLY = (b"mode=ro", b"immutable=1")  # in a URI, see https://www.sqlite.org/uri.html
TABLES_OF_SITES = frozenset(("django_migrations", "django_session", "django_content_type", "auth_user", "auth_group"))


class LookupDatabases:
    def __init__(self, project: Project, inspection: Inspection) -> None:
        self._project, self._inspection = project, inspection
        self._texts: list[bytes] | None = None

    def has(self, path: Path) -> bool:
        """Return whether a file of the project is such a database."""
        file, listing = self._project.root / path, self._project.listing
        return (
            is_sqlite_file(file)
            and str(file) not in self._inspection.databases
            and not suspicion_of_name(path.with_suffix(".bin"))  # such as the name of a backup
            and ((listing.tracked is not None and listing.is_tracked(path)) or self._is_opened_for_reading(path, file))
            and TABLES_OF_SITES.isdisjoint(tables_in(file))
        )

    def _is_opened_for_reading(self, path: Path, file: Path) -> bool:
        """Return whether the start opens it only to read, or sources name it and open databases only to read."""
        if str(file) in self._inspection.opened:
            return True
        texts = self._sources()
        return any(mode in text for text in texts for mode in READ_ONLY) and any(
            path.name.encode() in text for text in texts
        )

    def _sources(self) -> Iterable[bytes]:
        if self._texts is None:
            self._texts = [(self._project.root / path).read_bytes() for path in self._project.sources()]
        return self._texts


def is_sqlite_file(file: Path) -> bool:
    with contextlib.suppress(OSError), file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC
    return False


def tables_in(file: Path) -> set[str]:
    """Return the names of its tables. For an unreadable database, return a name of Django's, so that it stays out."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as opened:
            return {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return {*TABLES_OF_SITES}
