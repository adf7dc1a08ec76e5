"""A cache of slow steps' results, keyed by the hash of all inputs.

An entry is written to a temporary folder and renamed. So a killed build leaves no incomplete entry, and two builds may
share the cache. Entries that no build has used for 30 days are removed.
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
    """Return ``DJBUNDLE_BUILD_CACHE``, else ``$XDG_CACHE_HOME/djbundle-build``, else ``~/.cache/djbundle-build``."""
    if chosen := os.environ.get("DJBUNDLE_BUILD_CACHE"):  # the folder of what builds use again
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "djbundle-build"


def hash_of(*parts: str | bytes) -> str:
    """Return a hash of `parts` as a key; the boundaries between the parts count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def hash_of_files(paths: Iterable[Path]) -> str:
    return hash_of(*(path.read_bytes() for path in paths))


class Cache:
    """A folder of files, ``<kind>/<first two digits of the key>/<key>``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def path_of(self, kind: str, key: str) -> Path:
        """Return the path of an entry, whether it exists or not."""
        return self.folder / kind / key[:2] / key

    def find(self, kind: str, key: str) -> Path | None:
        path = self.path_of(kind, key)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def get_or_create(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the entry; if it does not exist, call `make(path)` to create it."""
        return self.find(kind, key) or self.store(kind, key, make)

    def store(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        path = self.path_of(kind, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as new:
            entry = Path(new) / "entry"
            make(entry)
            entry.replace(path)
        return path

    def get_or_create_bytes(self, kind: str, key: str, make: Callable[[], bytes]) -> Path:
        """Return the entry; if it does not exist, fill it with the bytes of `make()`."""

        def write(path: Path) -> None:
            path.write_bytes(make())

        return self.get_or_create(kind, key, write)

    def prune(self) -> None:
        """Remove entries that no build has used for 30 days, and leftovers of killed builds as old as that."""
        limit = time.time() - UNUSED_SECONDS
        for path in self.folder.glob("*/*/*"):
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".new-*"):
            if path.stat().st_mtime < limit:
                shutil.rmtree(path, ignore_errors=True)
