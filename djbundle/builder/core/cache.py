"""Results of slow steps, kept by the hash of everything that goes into them.

An entry is written beside its place and renamed, so a build that is killed leaves no half entry and two builds may
share the cache. Entries that no build has used for a month are removed.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

UNUSED_SECONDS = 30 * 24 * 3600


def default_folder() -> Path:
    """``DJBUNDLE_BUILD_CACHE``, else ``$XDG_CACHE_HOME/djbundle-build``, else ``~/.cache/djbundle-build``."""
    if chosen := os.environ.get("DJBUNDLE_BUILD_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "djbundle-build"


def hash_of(*parts: str | bytes) -> str:
    """A key from `parts`; their borders count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def hash_of_files(paths: Iterable[Path]) -> str:
    return hash_of(*(path.read_bytes() for path in paths))


class Cache:
    """A folder of files, ``<kind>/<first two digits>/<key>``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def place(self, kind: str, key: str) -> Path:
        """Where the entry lies or would lie."""
        return self.folder / kind / key[:2] / key

    def find(self, kind: str, key: str) -> Path | None:
        path = self.place(kind, key)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def file(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The entry, made by `make(path)` when it is not there."""
        return self.find(kind, key) or self.store(kind, key, make)

    def store(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        path = self.place(kind, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as new:
            made = Path(new) / "entry"
            make(made)
            made.replace(path)
        return path

    def store_bytes(self, kind: str, key: str, make: Callable[[], bytes]) -> Path:
        """The entry, with the bytes of `make()` when it is not there."""

        def write(path: Path) -> None:
            path.write_bytes(make())

        return self.file(kind, key, write)

    def prune(self) -> None:
        """Remove what no build has used for a month, and what killed builds left behind."""
        limit = time.time() - UNUSED_SECONDS
        for path in self.folder.glob("*/*/*"):
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".new-*"):
            if path.stat().st_mtime < limit:
                shutil.rmtree(path, ignore_errors=True)
