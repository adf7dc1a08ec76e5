"""Puts the files of a backup in the place of the site's files, and keeps the old ones.

The exchange only renames files. A record of it is written first, and each step can be undone. So a start after a crash
finds all of the old files, or all of the restored ones.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from djbundle.errors import BackupError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_files import read_own, remove_own, sync_folder, write_own
from djbundle.runtime.database import sqlite
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process.lock import is_locked

FOLDER = "restore"  # in the data directory
LOCK, ORDER = "lock", "order.json"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One file that takes the place of another."""

    new: str
    target: str
    kept: str  # the new path of the old file
    is_database: bool = False

    def put(self) -> None:
        """Move the old file aside, and the new one into its place."""
        target = Path(self.target)
        Path(self.kept).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._move(self.target, self.kept)
        os.rename(self.new, self.target)  # noqa: PTH104
        sync_folder(target.parent)

    def undo(self) -> None:
        """Put the old file back, after any step of `put`, or before its first one."""
        if not Path(self.new).exists() and Path(self.target).exists():
            self._move(self.target, self.new)
        if Path(self.kept).exists():
            self._move(self.kept, self.target)
            sync_folder(Path(self.target).parent)

    def _move(self, source: str, target: str) -> None:
        """Rename a file, a database with its log. The database itself goes first."""
        for old, new in zip(self._files(source), self._files(target), strict=True):
            with contextlib.suppress(FileNotFoundError):
                os.rename(old, new)  # noqa: PTH104 - within one file system

    def _files(self, path: str) -> list[Path]:
        return sqlite.files_of(Path(path)) if self.is_database else [Path(path)]


@dataclass(frozen=True, slots=True)
class Restore:
    """A prepared restore. It is recorded before it begins, so that a start after a crash can undo it."""

    data: Path
    exchanges: list[Exchange]

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """Return the recorded restore, or None."""
        try:
            text = read_own(data / FOLDER / ORDER)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(data, [Exchange(**each) for each in json.loads(text)])

    def write(self) -> None:
        text = json.dumps([asdict(each) for each in self.exchanges])
        write_own(self.data / FOLDER / ORDER, text)

    def forget(self) -> None:
        remove_own(self.data / FOLDER / ORDER)

    def prepare(self, bundle: Bundle) -> None:
        """Do nothing: the command has already done all that takes time."""

    def finish(self) -> None:
        """Put all files in place, while no process uses the databases.

        Raise BackupError if that fails. The old files are in place then.
        """
        try:
            for each in self.exchanges:
                each.put()
        except OSError as error:
            self.undo()
            raise BackupError(f"the backup was not put in place: {error}", "nothing has changed; try again") from error

    def commit(self) -> None:
        """Make the restore permanent: later starts keep the restored files."""
        self.forget()

    def undo(self) -> None:
        for each in reversed(self.exchanges):
            each.undo()


def read_order(data: Path) -> Restore | None:
    """Return the restore that a running command has ordered, or None."""
    return Restore.read(data) if is_locked(data / FOLDER / LOCK) else None


def recover(data: Path) -> None:
    """Undo a restore that was killed half way. A start calls this before anything opens a database."""
    if restore := Restore.read(data):
        restore.undo()
        restore.forget()
        log("a restore was killed before its end, and is undone: the data is as it was before", "warning")
