"""Digests of files, remembered by path, size, time and inode, so that an unchanged file is read only once.

A file that changed within the last seconds is not remembered: it may change again and keep its time.
"""

import hashlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import NamedTuple

FILE_NAME = "digests.json"
SETTLED_SECONDS = 3.0  # more than the resolution of a file's time, and the difference to the clock of a file server
UNUSED_DAYS = 30
DAY = 24 * 3600


class Remembered(NamedTuple):
    """A digest, and the state of the file that it is of."""

    time: int  # st_mtime_ns
    size: int
    inode: int
    digest: str  # SHA-256, in hexadecimal
    day: int  # of its last use, since 1970


class Digests:
    """The digests that are kept in a folder between builds."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._today = int(time.time() // DAY)
        self._kept = _load(self._file)
        self._is_changed = False

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file's content, in hexadecimal."""
        return self.with_size(path)[0]

    def with_size(self, path: Path) -> tuple[str, int]:
        """Return the SHA-256 of a file's content, in hexadecimal, and its size."""
        name, status = str(path), os.stat(path)  # noqa: PTH116 - called some hundred thousand times
        kept = self._kept.get(name)
        if kept and kept[:3] == (status.st_mtime_ns, status.st_size, status.st_ino):
            if kept.day != self._today:
                self._keep(name, kept._replace(day=self._today))
            return kept.digest, kept.size
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            read = os.fstat(file.fileno())
        if read.st_mtime < time.time() - SETTLED_SECONDS:
            self._keep(name, Remembered(read.st_mtime_ns, read.st_size, read.st_ino, digest, self._today))
        return digest, read.st_size

    def learn(self, path: Path, digest: str) -> None:
        """Remember the digest of a file that nothing changes any more: an entry of the cache."""
        status = path.stat()
        self._keep(str(path), Remembered(status.st_mtime_ns, status.st_size, status.st_ino, digest, self._today))

    def _keep(self, name: str, remembered: Remembered) -> None:
        self._kept[name] = remembered
        self._is_changed = True

    def save(self) -> None:
        """Write the digests, if there are new ones, without those that no build has used for 30 days."""
        if not self._is_changed:
            return
        kept = {name: each for name, each in self._kept.items() if each.day > self._today - UNUSED_DAYS}
        new = self._file.with_name(f".new-{uuid.uuid4().hex}")
        new.write_text(json.dumps(kept, separators=(",", ":")))
        new.replace(self._file)
        self._is_changed = False


def _load(file: Path) -> dict[str, Remembered]:
    """Return the digests of the file; none if it is missing or damaged."""
    try:
        return {name: Remembered(*each) for name, each in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
