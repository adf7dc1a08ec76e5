"""Unwind tables: which files of a bundle need theirs, and files with empty ones.

The tables of a file (``.eh_frame``) say how to leave each of its functions. C++ exceptions and Rust panics need them,
and so do debuggers. An exception that passes through code in C needs those of this code too. So they are kept in all
files of a bundle with C++. Elsewhere, nothing that a site runs reads those of C.
"""

from collections.abc import Mapping
from pathlib import Path

from elftools.elf.elffile import ELFFile

TABLES = (".eh_frame", ".eh_frame_hdr")
HANDLERS = ".gcc_except_table"  # where exceptions are caught, or cleaned up after
UNWINDER = b"_Unwind_"  # the beginning of its functions' names
# What handles exceptions of C++: its name in a file's symbols, or the names of its classes, if it is in the file.
CPP = (b"__gxx_personality_v0", b"N10__cxxabiv1")


def without_readers(files: Mapping[str, Path]) -> frozenset[str]:
    """Return the names of files whose tables nothing reads. `files` are all ELF files of a bundle."""
    names = set()
    for name, path in files.items():
        contents = path.read_bytes()
        if _is_cpp(contents):
            return frozenset()
        if UNWINDER not in contents and not _has_handlers(path):
            names.add(name)
    return frozenset(names)


def _is_cpp(contents: bytes) -> bool:
    return any(mark in contents for mark in CPP)


def _has_handlers(path: Path) -> bool:
    """Return whether code of the file catches exceptions. That of Rust and of glibc does."""
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(HANDLERS)
        return section is not None and bool(section["sh_size"])


def empty(path: Path) -> None:
    """Overwrite the tables with zeros, which the unwinder takes for tables without entries.

    All else stays in its place. Zeros need no room in a compressed bundle.
    """
    with path.open("rb") as file:
        sections = filter(None, map(ELFFile(file).get_section_by_name, TABLES))
        ranges = [(int(section["sh_offset"]), int(section["sh_size"])) for section in sections]
    with path.open("r+b") as file:
        for offset, size in ranges:
            file.seek(offset)
            file.write(bytes(size))
