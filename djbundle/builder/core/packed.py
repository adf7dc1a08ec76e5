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

MAX_MEMBERS = 2000
MAX_MEMBER_SIZE = 8 << 20  # bytes read of each member
MAX_TOTAL_SIZE = 128 << 20  # bytes read of all members
TAR_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
COMPRESSED_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ZIP_SUFFIXES = (".zip", ".jar", ".whl", ".egg", ".xlsx", ".docx", ".odt", ".ods", ".epub", ".kmz")
ERRORS = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError)


class UnreadableError(Exception):
    """The file is damaged, encrypted, or too large."""


def is_packed(name: str) -> bool:
    return name.endswith((*TAR_SUFFIXES, *ZIP_SUFFIXES, *COMPRESSED_OPENERS))


def members(file: Path) -> Iterator[tuple[PurePath, bytes]]:
    """Yield each member's name and the beginning of its content. Raises UnreadableError."""
    name = file.name.lower()
    remaining = MAX_TOTAL_SIZE
    try:
        for number, (member, content) in enumerate(_members(file, name)):
            remaining -= len(content)
            if remaining < 0 or number >= MAX_MEMBERS:
                raise UnreadableError("it is too large to be looked into")
            yield member, content
    except (*ERRORS, tarfile.TarError, zipfile.BadZipFile) as error:
        raise UnreadableError("it cannot be looked into") from error


def _members(file: Path, name: str) -> Iterator[tuple[PurePath, bytes]]:
    if name.endswith(ZIP_SUFFIXES):
        with zipfile.ZipFile(file) as archive:
            for each in archive.infolist():
                if not each.is_dir():
                    with archive.open(each) as member:
                        yield PurePath(each.filename), member.read(MAX_MEMBER_SIZE)
    elif name.endswith(TAR_SUFFIXES):
        with tarfile.open(file) as archive:
            for entry in archive:
                if entry.isfile() and (content := archive.extractfile(entry)):
                    yield PurePath(entry.name), content.read(MAX_MEMBER_SIZE)
    else:
        with COMPRESSED_OPENERS[file.suffix.lower()](file) as opened:
            yield PurePath(file.stem), opened.read(MAX_MEMBER_SIZE)
