"""Read archives and compressed files: each member's name and content, up to limits."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

MEMBERS = 2000
LARGEST = 8 << 20  # bytes read of each member
ROOM = 128 << 20  # bytes read of all members
TARS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
COMPRESSED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ZIPS = (".zip", ".jar", ".whl", ".egg", ".xlsx", ".docx", ".odt", ".ods", ".epub", ".kmz")
ERRORS = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError)


class UnreadableError(Exception):
    """The file is damaged, encrypted, or too large."""


def is_packed(name: str) -> bool:
    return name.endswith((*TARS, *ZIPS, *COMPRESSED))


def members(file: Path) -> Iterator[tuple[PurePath, bytes]]:
    """Yield each member's name and the beginning of its content. Raises UnreadableError."""
    name = file.name.lower()
    room = ROOM
    try:
        for number, (member, content) in enumerate(_members(file, name)):
            room -= len(content)
            if room < 0 or number >= MEMBERS:
                raise UnreadableError("it is too large to be looked into")
            yield member, content
    except (*ERRORS, tarfile.TarError, zipfile.BadZipFile) as error:
        raise UnreadableError("it cannot be looked into") from error


def _members(file: Path, name: str) -> Iterator[tuple[PurePath, bytes]]:
    if name.endswith(ZIPS):
        with zipfile.ZipFile(file) as archive:
            for each in archive.infolist():
                if not each.is_dir():
                    with archive.open(each) as member:
                        yield PurePath(each.filename), member.read(LARGEST)
    elif name.endswith(TARS):
        with tarfile.open(file) as archive:
            for entry in archive:
                if entry.isfile() and (content := archive.extractfile(entry)):
                    yield PurePath(entry.name), content.read(LARGEST)
    else:
        with COMPRESSED[file.suffix.lower()](file) as opened:
            yield PurePath(file.stem), opened.read(LARGEST)
