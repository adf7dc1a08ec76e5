"""The SQLite of a bundle for another machine: the library that the target's Python has."""

from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from djbundle.builder.native.sqlite import LIBRARY, MIN_VERSION
from djbundle.errors import SqliteTooOldError

VERSION_SYMBOL = "sqlite3_version"  # the text "3.51.3" in the library; sqlite.org/c3ref/libversion.html


def check_sqlite(library: Path) -> None:
    """Refuse a library that can corrupt a database, or that is no SQLite."""
    version = sqlite_version(library)
    if version is None or tuple(map(int, version.split("."))) < MIN_VERSION:
        minimum = ".".join(map(str, MIN_VERSION))
        raise SqliteTooOldError(
            f"SQLite {version or 'of an unknown version'} in {library} can corrupt a database; {minimum} is needed",
            f"unpack a newer {LIBRARY} there, as Debian's libsqlite3-0 of forky",
        )


def sqlite_version(library: Path) -> str | None:
    """Return the version that a library has among its data; None if it defines none."""
    with library.open("rb") as file:
        binary = ELFFile(file)
        table: Any = binary.get_section_by_name(".dynsym")
        for symbol in (table and table.get_symbol_by_name(VERSION_SYMBOL)) or ():
            if symbol["st_shndx"] != "SHN_UNDEF":
                [offset] = binary.address_offsets(symbol["st_value"])
                file.seek(offset)
                return file.read(symbol["st_size"]).rstrip(b"\0").decode()
    return None
