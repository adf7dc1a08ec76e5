"""Reuse bytecode of an environment, or of the build's cache, if compiling the source would give the same.

pip compiles each module that it installs, and Python each one that it imports. The only difference to the bytecode of a
bundle is one text: the path of the source. Compiling takes thirty times as long as replacing that text. For what else
may differ, see uniform_bytecode.py.
"""

import contextlib
import os
import struct
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

from djbundle.builder.project.bytecode_cache import bytecode_files

HEADER = struct.Struct("<4s3I")  # magic number, flags, then time and size of the source, or its hash: PEP 552
BY_TIME = 0  # flags
MAX_NUMBER = 0xFFFFFFFF
MAX_LENGTH = 255  # of a text whose length fits in one byte
# marshal's marks of such an ASCII text, which the code refers to again: an interned one, and one of Python 3.12
SHORT_TEXTS = b"\xda", b"\xfa"


def ready_bytecode(source: Path, text: bytes, path: str) -> bytes | None:
    """Return the marshalled code of a source that has the content `text`, with `path` as the path of the source.

    Return None if there is no such code, if it is of another source, or if its path is not that of the source.
    """
    for file in bytecode_files(str(source)):
        with contextlib.suppress(OSError):
            data = Path(file).read_bytes()
            if len(data) >= HEADER.size and _is_of(data[: HEADER.size], source, text):
                return with_path(data[HEADER.size :], str(source), path)
    return None


def _is_of(header: bytes, source: Path, text: bytes) -> bool:
    """Return whether a header belongs to the bytecode of a source. Python makes the same test at an import."""
    magic, flags, time, size = HEADER.unpack(header)
    if magic != MAGIC_NUMBER:
        return False
    if flags != BY_TIME:
        return header[8:] == source_hash(text)
    status = os.stat(source)  # noqa: PTH116 - called for each module of all packages
    return (time, size) == (int(status.st_mtime) & MAX_NUMBER, status.st_size & MAX_NUMBER) and size == len(text)


def with_path(code: bytes, old: str, new: str) -> bytes | None:
    """Return marshalled code with another path; None unless the old path is in it exactly once, in the usual way."""
    if not (_is_short(old) and _is_short(new)) or code.count(old.encode()) != 1:
        return None
    for mark in SHORT_TEXTS:
        first, *rest = code.split(_marshalled(mark, old))
        if len(rest) == 1:
            return first + _marshalled(mark, new) + rest[0]
    return None


def _is_short(path: str) -> bool:
    return path.isascii() and len(path) <= MAX_LENGTH


def _marshalled(mark: bytes, path: str) -> bytes:
    return mark + len(path).to_bytes() + path.encode()
