"""The SQLite of a bundle: a version that cannot corrupt a WAL database, whatever the machine has."""

import contextlib
import sqlite3
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import this_target
from djbundle.builder.core.tree import Tree
from djbundle.builder.machines import this_machine
from djbundle.builder.native import compiler, elf
from djbundle.errors import CompileError, SqliteTooOldError

LIBRARY = "libsqlite3.so.0"
COLUMN_NAMES = "libsqlite3-column-names.so"
MIN_VERSION = (3, 51, 3)  # 3.7.0 to 3.51.2 can corrupt a WAL database (sqlite.org/wal.html, "WAL-reset bug")
OPEN = "sqlite3_open_v2"  # a library that defines this function contains SQLite
WHEELS_END = (3, 15)  # pysqlite3 has wheels for earlier versions of Python, and for some machines
NEWER_PYTHON = "build with a Python that has a newer SQLite, such as uv's: uv python install --reinstall"

FORK_LESS = "start processes with subprocess, or by the methods spawn or forkserver"
HIDDEN = (  # see common/sqlite_forks.py
    "this Python hides the locks of its SQLite: where a thread forks the process while another one uses SQLite, SQLite "
    "may hang in the forked process"
)


@dataclass(frozen=True, slots=True)
class Source:
    """The SQLite of a bundle has this version, and comes from this library."""

    version: tuple[int, ...]
    library: Path | None = None  # takes the place of the interpreter's own library; None if that one stays

    @property
    def is_safe(self) -> bool:
        return self.version >= MIN_VERSION

    @property
    def text(self) -> str:
        return ".".join(map(str, self.version))


def find_source() -> Source:
    """Return the interpreter's own SQLite if it is new enough or cannot be replaced, else that of pysqlite3.

    The extension of PyPI's pysqlite3 exports SQLite's whole C API, so under the library's file name it works as the
    library. One that was compiled against the system's library has no SQLite in it, and is no help.
    """
    own = Source(sqlite3.sqlite_version_info)
    if own.is_safe or not is_replaceable():
        return own
    extension = _extension_of_pysqlite3()
    if extension is None or OPEN not in elf.read_symbols(extension).defined:
        return own
    from pysqlite3 import dbapi2  # noqa: PLC0415 - only where the interpreter's own is too old

    return Source(dbapi2.sqlite_version_info, extension)


def _extension_of_pysqlite3() -> Path | None:
    try:
        spec = find_spec("pysqlite3._sqlite3")
    except ModuleNotFoundError:  # there is no pysqlite3
        return None
    return Path(spec.origin) if spec and spec.origin else None


def is_replaceable() -> bool:
    """Return whether the interpreter loads SQLite as a library. In others, such as uv's, it is linked in and hidden."""
    spec = find_spec("_sqlite3")
    if spec is not None and spec.has_location:
        return LIBRARY in elf.read_dynamic(Path(str(spec.origin))).needed
    files = [Path(sys.executable).resolve()]
    with contextlib.suppress(CompileError):  # the interpreter is one file
        files.append(compiler.shared_library(this_target()))
    return any(LIBRARY in elf.read_dynamic(file).needed for file in files)


def check_sqlite(databases: Collection[str]) -> None:
    """Refuse a site with SQLite `databases` if no SQLite here is new enough for `serve`."""
    source = find_source()
    if source.is_safe or not databases:
        return
    minimum = ".".join(map(str, MIN_VERSION))
    has_wheel = this_machine().has_sqlite_wheels and sys.version_info < WHEELS_END
    raise SqliteTooOldError(
        f"SQLite {source.text} can corrupt a database; {minimum} is needed",
        "pip install pysqlite3" if has_wheel and is_replaceable() else NEWER_PYTHON,
    )


def note() -> str:
    """Return what a bundle lacks because of its SQLite; "" if it lacks nothing."""
    source = find_source()
    if not source.is_safe:
        return f"SQLite {source.text} goes in, with which serve refuses databases of SQLite. This site has none"
    return "" if is_replaceable() else HIDDEN


def add_sqlite(tree: Tree, folder: str, cache: Cache, callers: Iterable[Path]) -> None:
    """Add a safe SQLite for CPython's ``_sqlite3`` module to `folder` of the tree, if the interpreter's is too old.

    pysqlite3's lacks column metadata, which system libraries such as GDAL call. If `callers` of the library besides
    that module exist, column_names.c provides the missing functions.
    """
    source = find_source()
    if source.library is None:
        return
    with_needs = []
    if any(not path.name.startswith("_sqlite3.") for path in callers):
        tree.add(f"{folder}/{COLUMN_NAMES}", compiler.compile_column_names(COLUMN_NAMES, cache), "libraries")
        with_needs.append(COLUMN_NAMES)
    library = elf.slim(source.library, cache, elf.Linking(LIBRARY, with_needs=with_needs))
    tree.add(f"{folder}/{LIBRARY}", library, "libraries")
