"""Exchanges files of a site: what a backup has, for what is there. What was there is kept.

The exchange only renames files. It is written down before it begins, and each step can be undone, so that a start after
a crash finds either all of what was there, or all of what was restored.
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
    kept: str  # where what was there goes
    is_database: bool = False

    def put(self) -> None:
        """Move what is there aside, and the new file in its place."""
        target = Path(self.target)
        Path(self.kept).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._move(self.target, self.kept)
        os.rename(self.new, self.target)  # noqa: PTH104
        sync_folder(target.parent)

    def undo(self) -> None:
        """Put back what was there, after any step of `put`, or none."""
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
    """A restore that is prepared. It is written down before it begins, so that a start after a crash can undo it."""

    data: Path
    exchanges: list[Exchange]

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """Return the restore that is written down; None for none."""
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
        """Do nothing: all that takes time has been done by the command."""

    def finish(self) -> None:
        """Put everything in place. Nobody may use the databases. Raise BackupError; then all is as it was."""
        try:
            for each in self.exchanges:
                each.put()
        except OSError as error:
            self.undo()
            raise BackupError(f"the backup was not put in place: {error}", "nothing has changed; try again") from error

    def commit(self) -> None:
        """Make it last. From here on a start keeps what was restored."""
        self.forget()

    def undo(self) -> None:
        for each in reversed(self.exchanges):
            each.undo()


def read_order(data: Path) -> Restore | None:
    """Return the restore that a running command has ordered; None for none."""
    return Restore.read(data) if is_locked(data / FOLDER / LOCK) else None


def recover(data: Path) -> None:
    """Undo a restore that was killed half way. A start calls this before anything opens a database."""
    if restore := Restore.read(data):
        restore.undo()
        restore.forget()
        log("a restore was killed before its end: all is as it was before", "warning")
