"""A cache of slow steps' results, keyed by the hash of all inputs.

An entry is written under a temporary name and renamed. So a killed build leaves no incomplete entry, and two builds may
share the cache. Entries that no build has used for 30 days are removed.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from djbundle.builder.core.digests import Digests

DAY = 24 * 3600
UNUSED_SECONDS = 30 * DAY
KINDS = ("blocks", "compiled", "elf", "migrated", "projects", "pyc", "refused", "static")
BYTECODE = "pycache"  # a folder that Python fills, see project/bytecode_cache.py
PYTHONS = "pythons"  # a folder that uv fills, see native/target_python.py
PRUNED = "pruned"  # a file; its time is that of the last removal
UNFINISHED_PREFIX = ".new-"


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

    def __init__(self, folder: Path, digests: Digests | None = None) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._digests = digests

    def path_of(self, kind: str, key: str) -> Path:
        """Return the path of an entry, whether it exists or not."""
        return self.folder / kind / key[:2] / key

    @cached_property
    def digests(self) -> Digests:
        """The digests of files, of this build and of those before it."""
        return self._digests or Digests(self.folder)

    def find(self, kind: str, key: str) -> Path | None:
        """Return the path of an entry, or None. Its time is that of its last use, to the day."""
        path, now = self.path_of(kind, key), time.time()
        try:
            if path.stat().st_mtime < now - DAY:
                os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def get_or_create(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the entry; if it does not exist, call `make(path)` to create it."""
        return self.find(kind, key) or self.store(kind, key, make)

    def store(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        path, new = self.path_of(kind, key), self.folder / f"{UNFINISHED_PREFIX}{uuid.uuid4().hex}"
        try:
            make(new)
            try:
                new.replace(path)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        return path

    def get_or_create_bytes(self, kind: str, key: str, make: Callable[[], bytes]) -> Path:
        """Return the entry; if it does not exist, fill it with the bytes of `make()`."""

        def write(path: Path) -> None:
            path.write_bytes(make())

        return self.get_or_create(kind, key, write)

    def prune(self) -> None:
        """Once a day, remove what no build has used for 30 days, and leftovers of killed builds as old as that."""
        stamp, limit = self.folder / PRUNED, time.time() - UNUSED_SECONDS
        if stamp.exists() and stamp.stat().st_mtime > time.time() - DAY:
            return
        stamp.touch()
        for kind in KINDS:
            for path in self.folder.glob(f"{kind}/*/*"):
                if path.stat().st_mtime < limit:
                    path.unlink(missing_ok=True)
        for path in self.folder.glob(f"{BYTECODE}/**/*.pyc"):  # Python does not renew its time when it reads it
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(f"{UNFINISHED_PREFIX}*"):
            if path.stat().st_mtime < limit:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
