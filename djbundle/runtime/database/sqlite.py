"""SQLite as a bundle uses it: safe options, a lowest version, backups."""

import datetime
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from djbundle.contract.layout import BACKUPS
from djbundle.errors import SqliteTooOldError

LOWEST_VERSION = (3, 51, 3)  # 3.7.0 to 3.51.2 can corrupt a WAL database (sqlite.org/wal.html, "WAL-reset bug")
KEPT_BACKUPS = 5

# Writers queue at BEGIN IMMEDIATE. A deferred transaction would fail half way with "database is locked".
OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,  # seconds that a writer waits for another
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cache_size=-16000;",
}
RESERVE = 8 << 20  # bytes that stay free beside a copy of a database


def with_safe_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the OPTIONS of a database with the safe ones. Those of the project take precedence.

    Both commands run at the start of a connection: first the safe one, then that of the project.
    """
    commands = [OPTIONS["init_command"], options.get("init_command", "")]
    return OPTIONS | options | {"init_command": " ".join(filter(None, commands))}


def check_version(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuse a SQLite that can lose data."""
    if version < LOWEST_VERSION:
        version_text, lowest = ".".join(map(str, version)), ".".join(map(str, LOWEST_VERSION))
        raise SqliteTooOldError(
            f"SQLite {version_text} can corrupt a database; {lowest} is needed",
            "build the bundle again with a Python that has a newer SQLite",
        )


def file_of(name: str | Path | None) -> Path | None:
    """Return the file that NAME of a SQLite database means; None where the database has no file."""
    text = str(name or "")
    return None if text in ("", ":memory:") or text.startswith("file:") else Path(text)


def back_up(database: Path, data: Path) -> Path:
    """Copy a database that may be in use to ``DATA/backups`` and delete all but its newest few backups."""
    folder = data / BACKUPS
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    backup = folder / f"{database.stem}-{stamp}.sqlite3"
    partial = backup.with_suffix(".partial")
    try:
        copy_database(database, partial)
        partial.rename(backup)
    finally:
        partial.unlink(missing_ok=True)
    for old in sorted(folder.glob(f"{database.stem}-*.sqlite3"))[:-KEPT_BACKUPS]:
        old.unlink()
    return backup


def copy_database(source: Path, target: Path) -> None:
    """Copy by SQLite's online backup, which includes the write-ahead log and respects locks."""
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)


def files_of(database: Path) -> list[Path]:
    """Return the database file and the files that SQLite keeps beside it."""
    return [database, *(database.with_name(database.name + suffix) for suffix in ("-wal", "-shm", "-journal"))]
