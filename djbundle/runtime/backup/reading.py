"""Reads a backup: unpacks it into a folder, and checks the hash of each file."""

import contextlib
import hashlib
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from djbundle.common import zstd
from djbundle.errors import BackupError
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.layout import Facts
from djbundle.runtime.core.own_files import open_own

BLOCK = 1 << 20  # bytes
DAMAGED_FIX = "use an older backup; each is complete by itself"


def unpack(backup: Path, folder: Path) -> Facts:
    """Write the files of a backup into the empty `folder`. Raise BackupError if a file differs from its hash."""
    sums: dict[str, str] = {}
    wanted = b""
    with _open(backup) as tar:
        for member in tar:
            if not member.isreg() or not layout.is_member(member.name):
                raise BackupError(f"{backup} is no backup of a site: it has {member.name!r}", DAMAGED_FIX)
            if member.name in sums:
                raise BackupError(f"{backup} has {member.name} twice", DAMAGED_FIX)
            source = tar.extractfile(member)
            if source is None:
                raise BackupError(f"{backup} is damaged at {member.name}", DAMAGED_FIX)
            if member.name == layout.SUMS:
                wanted = source.read()
            else:
                sums[member.name] = _write(source, folder / member.name, member.mtime)
    _compare(backup, sums, wanted)
    return Facts.from_json((folder / layout.ABOUT).read_bytes(), backup)


@contextlib.contextmanager
def _open(backup: Path) -> Iterator[tarfile.TarFile]:
    try:
        with (
            backup.open("rb") as file,
            zstd.open_reader(file) as stream,
            tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK) as tar,
        ):
            yield tar
    except FileNotFoundError as error:
        raise BackupError(f"there is no {backup}", "name a file that `backup` has written") from error
    except (zstd.ZstdError, tarfile.TarError, EOFError) as error:
        raise BackupError(f"{backup} is damaged: {error}", DAMAGED_FIX) from error
    except OSError as error:
        raise BackupError(
            f"cannot unpack {backup}: {error}", "make room on the disk, or make the backup readable"
        ) from error


def _write(source: IO[bytes], target: Path, modified: float) -> str:
    """Write a file, and return its hash."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(target, "xb", opener=open_own) as file:
        while block := source.read(BLOCK):
            digest.update(block)
            file.write(block)
    os.utime(target, (modified, modified))
    return digest.hexdigest()


def _compare(backup: Path, sums: dict[str, str], wanted: bytes) -> None:
    lines = wanted.decode(errors="replace").splitlines()
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if not expected:
        raise BackupError(f"{backup} is incomplete: it has no {layout.SUMS}", DAMAGED_FIX)
    if wrong := sorted(name for name in {*sums, *expected} if sums.get(name) != expected.get(name)):
        raise BackupError(f"{backup} is damaged at {wrong[0]}", DAMAGED_FIX)


def check_database(database: Path, backup: Path) -> list[str]:
    """Merge the log into an unpacked database, and check it. Return its applied migrations, as "app.name".

    Raise BackupError if SQLite finds a fault, or a foreign key that refers to no row.
    """
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
            applied = _applied(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise BackupError(f"the database in {backup} is damaged: {error}", DAMAGED_FIX) from error
    if verdict != "ok":
        raise BackupError(f"the database in {backup} is damaged: {verdict}", DAMAGED_FIX)
    if dangling:
        table, row, parent, _ = dangling
        raise BackupError(
            f"in {backup}, row {row} of {table} refers to a row of {parent} that does not exist", DAMAGED_FIX
        )
    return applied


def _applied(connection: sqlite3.Connection) -> list[str]:
    has_table = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'django_migrations'").fetchone()
    rows = connection.execute("SELECT app, name FROM django_migrations") if has_table else ()
    return sorted(f"{app}.{name}" for app, name in rows)
