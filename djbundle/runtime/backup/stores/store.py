"""A place outside of this machine with copies of backups: a bucket, or a folder of a server with SFTP.

Each kind has four operations on files. What a backup consists of, and which ones are kept, is the same for all.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from djbundle.errors import BackupError
from djbundle.runtime.backup import checksum, layout
from djbundle.runtime.backup.policy import Retention
from djbundle.runtime.backup.retention import expired_names


class StoredFile(NamedTuple):
    name: str
    size: int  # bytes


class Store(ABC):
    """A place for copies. Every error is a BackupError."""

    @abstractmethod
    def address(self, name: str) -> str:
        """Return how a user names a backup there, without secrets."""

    @abstractmethod
    def put(self, file: Path) -> None:
        """Copy a file there. Its name appears when it is complete."""

    @abstractmethod
    def get(self, name: str, target: Path) -> None:
        """Copy a file from there."""

    @abstractmethod
    def files(self) -> Iterable[StoredFile]:
        """Return all files there."""

    @abstractmethod
    def delete(self, names: Iterable[str]) -> None:
        """Delete files. One that does not exist is no error."""

    def upload(self, backup: Path) -> str:
        """Copy a backup there, after its checksum. Return its address."""
        if checksum.file_of(backup).is_file():
            self.put(checksum.file_of(backup))
        self.put(backup)
        return self.address(backup.name)

    def download(self, name: str, folder: Path) -> Path:
        """Copy a backup into the folder, and return its path. Raise BackupError if it differs from its checksum."""
        backup = folder / name
        self.get(name, backup)
        if layout.is_encrypted(backup):
            with contextlib.suppress(BackupError):  # it may have been copied by hand, without it
                self.get(name + checksum.SUFFIX, checksum.file_of(backup))
            checksum.check(backup)
        return backup

    def list(self, site: str) -> list[StoredFile]:
        """Return the backups of a site, the newest first."""
        moments = {file: layout.moment_of(file.name, site) for file in self.files()}
        backups = [file for file, moment in moments.items() if moment]
        return sorted(backups, key=lambda file: file.name, reverse=True)

    def remove_expired(self, site: str, keep: Retention) -> int:
        """Remove the backups that retention does not keep, and return how many."""
        names = expired_names((each.name for each in self.list(site)), site, keep)
        self.delete(part for name in names for part in (name, name + checksum.SUFFIX))
        return len(names)
