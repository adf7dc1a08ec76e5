"""The C library of a bundle for another machine. It may come from the compiler, and all else from newer systems."""

import re
from collections.abc import Mapping
from pathlib import Path

from djbundle.builder.core.tree import base_of
from djbundle.errors import TargetError

LIBC = "libc.so.6"
VERSION = re.compile(rb"\0GLIBC_2\.(\d+)(?=\0)")  # in the names of versions that a file has or needs


def check_glibc(sources: Mapping[str, Path]) -> None:
    """Refuse a C library that lacks a version of glibc which another file needs. `sources` has the files by name."""
    libc = next((path for name, path in sources.items() if base_of(name) == LIBC), None)
    if libc is None:
        return
    newest = _newest_version(libc)
    name, needed = max(((name, _newest_version(path)) for name, path in sources.items()), key=lambda each: each[1])
    if needed > newest:
        raise TargetError(
            f"{name} needs glibc 2.{needed}, and {libc} is glibc 2.{newest}",
            "build on a newer system, whose compiler for that machine has a newer C library",
        )


def _newest_version(path: Path) -> int:
    """Return the number behind "2." of the newest version of glibc that a file names; 0 if it names none."""
    return max(map(int, VERSION.findall(path.read_bytes())), default=0)
