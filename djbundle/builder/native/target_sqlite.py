"""The SQLite of a bundle for another machine: a library that the target's Python loads, or what is built into it."""

import re
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from djbundle.builder.native.sqlite import LIBRARY, MIN_VERSION
from djbundle.errors import SqliteTooOldError

# The time of SQLite's source, and its hash: sqlite.org/c3ref/c_source_id.html
SOURCE_ID = re.compile(rb"\b(20\d\d-\d\d-\d\d) \d\d:\d\d:\d\d [0-9a-f]{60}")
SAFE_SINCE = "2026-02-01"  # 3.51.2, the last that is not safe, is of 9 January
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


def check_built_in_sqlite(interpreter: Path) -> None:
    """Refuse an interpreter in which an SQLite is hidden that can corrupt a database."""
    dates = [date.decode() for date in SOURCE_ID.findall(interpreter.read_bytes())]
    if dates and min(dates) < SAFE_SINCE:
        minimum = ".".join(map(str, MIN_VERSION))
        raise SqliteTooOldError(
            f"the SQLite of {min(dates)} in {interpreter} can corrupt a database; {minimum} is needed",
            "remove the folder of that Python, so that uv installs a newer one, or name another:  --target-python DIR",
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
