"""The SQLite of a bundle: a version that cannot corrupt a WAL database, whatever the machine has."""

import sqlite3
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.builder.native import compiler, elf
from djbundle.errors import SqliteTooOldError

LIBRARY = "libsqlite3.so.0"
COLUMN_NAMES = "libsqlite3-column-names.so"
MIN_VERSION = (3, 51, 3)  # 3.7.0 to 3.51.2 can corrupt a WAL database (sqlite.org/wal.html, "WAL-reset bug")


def add_sqlite(tree: Tree, folder: str, cache: Cache, callers: Iterable[Path]) -> None:
    """Add a safe SQLite for CPython's ``_sqlite3`` module to `folder` of the tree, if the interpreter's is too old.

    The extension of PyPI's pysqlite3 then takes its place: it exports SQLite's whole C API, so under the library's file
    name it works as the library. It lacks column metadata, which system libraries such as GDAL call. If `callers` of
    the library besides that module exist, column_names.c provides the missing functions.
    """
    if sqlite3.sqlite_version_info >= MIN_VERSION:
        return
    spec = find_spec("pysqlite3._sqlite3")
    if spec is None or spec.origin is None or not find_spec("_sqlite3").origin:  # type: ignore[union-attr]
        minimum = ".".join(map(str, MIN_VERSION))
        raise SqliteTooOldError(
            f"SQLite {sqlite3.sqlite_version} can corrupt a database; {minimum} is needed",
            "pip install pysqlite3",
        )
    with_needs = []
    if any(not path.name.startswith("_sqlite3.") for path in callers):
        tree.add(f"{folder}/{COLUMN_NAMES}", compiler.compile_column_names(COLUMN_NAMES, cache), "libraries")
        with_needs.append(COLUMN_NAMES)
    library = elf.slim(Path(spec.origin), cache, soname=LIBRARY, with_needs=with_needs)
    tree.add(f"{folder}/{LIBRARY}", library, "libraries")


def bundled_sqlite_version() -> str:
    """Return the SQLite version of bundles that are built here."""
    if sqlite3.sqlite_version_info >= MIN_VERSION:
        return sqlite3.sqlite_version
    from pysqlite3 import dbapi2  # noqa: PLC0415 - only where the interpreter's own is too old

    return str(dbapi2.sqlite_version)
