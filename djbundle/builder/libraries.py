"""Closes the set of shared libraries: everything that an ELF file of the tree needs, down to libc and its loader."""

import platform
import re
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from djbundle.builder import compiler, elf
from djbundle.builder.cache import Cache
from djbundle.builder.tree import File, Tree
from djbundle.errors import LibraryError, SqliteTooOldError, UnsupportedVersionError

FOLDER = "_lib"
LOADER = "ld-linux-x86-64.so.2"
PROGRAM = "_main"
VFS = f"{FOLDER}/vfs.so"
SQLITE = "libsqlite3.so.0"
SQLITE_FLOOR = (3, 51, 3)  # 3.7.0 to 3.51.2 can corrupt a WAL database (sqlite.org/wal.html, "WAL-reset bug")
GLIBC_FLOOR = (2, 33)  # ld.so --argv0


def close_libraries(tree: Tree, cache: Cache) -> None:
    """Add the program, each library that it or an ELF file of the tree needs, and the loader; slim all of them.

    Notes in the tree which libraries must be loaded before each of them.
    """
    _check_glibc()
    search = _LibrarySearch()
    _add_sqlite(tree, cache)
    tree.add(VFS, compiler.compile_vfs(cache), "libraries")
    program = compiler.compile_program(cache)
    waiting = [(file, file.source) for file in tree if _may_be_elf(file) and elf.is_elf(file.source)]
    waiting.append((File(PROGRAM, program, "python", executable=True), program))
    direct: dict[str, list[str]] = {}
    while waiting:
        file, source = waiting.pop()
        dynamic = elf.read_dynamic(source)
        tree.replace(file, elf.slim(source, cache, as_image=file.name == PROGRAM))
        direct[file.name] = []
        for soname in dynamic.needed:
            if soname == LOADER:
                continue
            name = _provided(tree, file, soname, dynamic)
            if name is None:
                name = f"{FOLDER}/{soname}"
                library = search.find(soname, source, dynamic)
                added = File(name, library, "libraries", executable=False)
                tree.replace(added, library)
                waiting.append((added, library))
            direct[file.name].append(name)
    _add_loader(tree, cache)
    _drop_orphans(tree, direct)
    _note_needs(tree, direct)


def _drop_orphans(tree: Tree, direct: dict[str, list[str]]) -> None:
    """Leave out what a wheel brought along for modules that the project excludes.

    Such libraries lie in a folder ``<package>.libs``, where auditwheel has put what the package's modules name.
    """
    kept = {name for name in direct if ".libs/" not in name}
    waiting = list(kept)
    while waiting:
        new = set(direct[waiting.pop()]) - kept
        kept |= new
        waiting += new
    for name in direct.keys() - kept:
        tree.remove(name)
        del direct[name]


def _note_needs(tree: Tree, direct: dict[str, list[str]]) -> None:
    """Write the closure of each file's `direct` needs to the tree, less what the executable has loaded already."""
    always = [VFS, *_in_loading_order(PROGRAM, direct)]
    tree.needs[PROGRAM] = tuple(dict.fromkeys(always))
    for name in direct:
        if name != PROGRAM:
            tree.needs[name] = tuple(item for item in _in_loading_order(name, direct) if item not in always)


def _in_loading_order(name: str, direct: dict[str, list[str]]) -> list[str]:
    """All that `name` needs, each behind its own needs."""
    ordered: dict[str, None] = {}
    begun = {name}

    def visit(current: str) -> None:
        for needed in direct[current]:
            if needed not in begun:
                begun.add(needed)
                visit(needed)
                ordered[needed] = None

    visit(name)
    return list(ordered)


def _may_be_elf(file: File) -> bool:
    return ".so" in PurePosixPath(file.name).name or file.source.suffix == ".so"


def _check_glibc() -> None:
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split(".")[:2])) < GLIBC_FLOOR:
        floor = ".".join(map(str, GLIBC_FLOOR))
        raise UnsupportedVersionError(
            f"this machine has {name or 'no glibc'} {version}",
            f"build on a machine with glibc {floor} or later",
        )


def _provided(tree: Tree, file: File, soname: str, dynamic: elf.Dynamic) -> str | None:
    """The name of the library in the tree, if it is there: where the file's own search path points, or in FOLDER."""
    here = PurePosixPath(file.name).parent
    for item in dynamic.search_path:
        if item.startswith("$ORIGIN"):
            name = str(_normal(here / item.replace("$ORIGIN", ".").lstrip("/")) / soname)
            if name in tree:
                return name
    return name if (name := f"{FOLDER}/{soname}") in tree else None


def _normal(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


class _LibrarySearch:
    """Where the loader of this machine finds a library: the file's own search path, then its cache."""

    def __init__(self) -> None:
        listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
        found = re.findall(r"^\s*(\S+) \(.*x86-64.*\) => (\S+)$", listed, re.MULTILINE)
        self._system: dict[str, Path] = {}
        for soname, path in found:
            self._system.setdefault(soname, Path(path))

    def find(self, soname: str, source: Path, dynamic: elf.Dynamic) -> Path:
        for item in dynamic.search_path:
            path = Path(item.replace("$ORIGIN", str(source.parent))) / soname
            if path.is_file():
                return path.resolve()
        if beside := self._system.get(soname):
            return beside.resolve()
        in_prefix = Path(sys.base_prefix) / "lib" / soname
        if in_prefix.is_file():
            return in_prefix.resolve()
        raise LibraryError(f"{source.name} needs {soname}, which is not on this machine", f"install what has {soname}")


def _add_sqlite(tree: Tree, cache: Cache) -> None:
    """Put a SQLite that is safe with WAL under CPython's own ``_sqlite3`` module.

    Where the interpreter's is too old, the extension of PyPI's pysqlite3 takes its place: it exports SQLite's whole
    C API, so under the library's name it is the library.
    """
    if sqlite3.sqlite_version_info >= SQLITE_FLOOR:
        return
    spec = find_spec("pysqlite3._sqlite3")
    if spec is None or spec.origin is None or not find_spec("_sqlite3").origin:  # type: ignore[union-attr]
        floor = ".".join(map(str, SQLITE_FLOOR))
        raise SqliteTooOldError(
            f"SQLite {sqlite3.sqlite_version} can corrupt a database; {floor} is needed",
            "pip install pysqlite3",
        )
    tree.add(f"{FOLDER}/{SQLITE}", elf.slim(Path(spec.origin), cache, soname=SQLITE), "libraries")


def bundled_sqlite_version() -> str:
    """The version that a bundle built here runs with."""
    if sqlite3.sqlite_version_info >= SQLITE_FLOOR:
        return sqlite3.sqlite_version
    from pysqlite3 import dbapi2  # noqa: PLC0415 - only where the interpreter's own is too old

    return str(dbapi2.sqlite_version)


def _add_loader(tree: Tree, cache: Cache) -> None:
    interpreter = elf.read_dynamic(Path(sys.executable).resolve()).interpreter
    if interpreter is None:
        raise LibraryError(f"{sys.executable} names no loader", "build with a Python that is linked dynamically")
    tree.replace(
        File(LOADER, Path(interpreter), "libraries", executable=True), elf.slim(Path(interpreter), cache, as_image=True)
    )
