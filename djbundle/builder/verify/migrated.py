"""The data directory as the migrations of a bundle have left it, kept for the next visit of one with the same code.

Migrations take most of a visit's time, and nothing but what they can read decides what they come to: the tree, less the
static files, and the environment. The next visit migrates all the same, and finds nothing to do.
"""

import gzip  # before there is nothing to import it from, see sandbox.py
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from djbundle import manifest
from djbundle.builder.archive.pack import Archive
from djbundle.builder.core.cache import Cache, hash_of

KIND = "migrated"
PACKED = "migrated.tar.gz"  # in the data directory, as long as a visit takes


@dataclass(frozen=True, slots=True)
class Migrated:
    """The entry of one bundle in the cache."""

    cache: Cache
    key: str

    @classmethod
    def of(cls, cache: Cache, archive: Archive, settings_module: str, environment: Mapping[str, str]) -> "Migrated":
        parts: list[str | bytes] = [settings_module]
        for name, place in sorted(archive.places.items()):
            if name != manifest.FILE_NAME and not (name in archive.tree and archive.tree[name].part == "static"):
                parts += [name, place.digest]
        for variable in sorted(environment.items()):
            parts += variable
        return cls(cache, hash_of(*parts))

    def lay_out(self, data: Path) -> bool:
        """Fill an empty data directory; whether there is anything to fill it with."""
        packed = self.cache.find(KIND, self.key)
        if not packed:
            return False
        with tarfile.open(packed) as archive:
            archive.extractall(data, filter="data")
        return True

    def keep(self, data: Path) -> None:
        """What `pack` has made of it, if it has come to that."""

        def copy(entry: Path) -> None:
            shutil.copy(data / PACKED, entry)

        if (data / PACKED).is_file():
            self.cache.store(KIND, self.key, copy)


def pack(data: Path) -> None:
    """Keep the content of a data directory in it, for its owner alone: the migrations may have been told secrets."""
    packed = data / PACKED
    packed.touch(mode=0o600)
    with gzip.open(packed, "wb", compresslevel=1) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for each in sorted(data.iterdir()):
            if each != packed:
                archive.add(each, each.name)
