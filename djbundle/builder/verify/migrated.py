"""Cache the data directory right after the migrations, for the next crawl of a bundle with the same code.

Migrations take most of a crawl's time. Their result depends only on what they can read: the tree, without the static
files, and the environment. The next crawl still runs ``migrate``, and it finds nothing to do.
"""

import gzip  # imported early, because sandbox.py leaves nothing to import from
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from djbundle import manifest
from djbundle.builder.archive.index import Archive
from djbundle.builder.core.cache import Cache, hash_of

KIND = "migrated"
PACKED = "migrated.tar.gz"  # a file in the data directory, during a crawl


@dataclass(frozen=True, slots=True)
class MigratedData:
    """The cache entry of one bundle."""

    cache: Cache
    key: str

    @classmethod
    def of(cls, cache: Cache, archive: Archive, settings_module: str, environment: Mapping[str, str]) -> "MigratedData":
        parts: list[str | bytes] = [settings_module]
        for name, location in sorted(archive.locations.items()):
            if name != manifest.FILE_NAME and not (name in archive.tree and archive.tree[name].part == "static"):
                parts += [name, location.digest]
        for variable in sorted(environment.items()):
            parts += variable
        return cls(cache, hash_of(*parts))

    def restore(self, data: Path) -> bool:
        """Fill an empty data directory from the cache; return whether there was an entry."""
        packed = self.cache.find(KIND, self.key)
        if not packed:
            return False
        with tarfile.open(packed) as archive:
            archive.extractall(data, filter="data")
        return True

    def store(self, data: Path) -> None:
        """Store the file that `pack` made in the cache, if there is one."""

        def copy(entry: Path) -> None:
            shutil.copy(data / PACKED, entry)

        if (data / PACKED).is_file():
            self.cache.store(KIND, self.key, copy)


def pack(data: Path) -> None:
    """Pack the content of a data directory into a file in it.

    Only the owner can read the file, because the migrations may have stored secrets.
    """
    packed = data / PACKED
    packed.touch(mode=0o600)
    with gzip.open(packed, "wb", compresslevel=1) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for each in sorted(data.iterdir()):
            if each != packed:
                archive.add(each, each.name)
