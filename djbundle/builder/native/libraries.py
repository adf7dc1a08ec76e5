"""Add all shared libraries that ELF files of the tree need, directly or indirectly, down to libc and its loader."""

import os
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import Target, this_target
from djbundle.builder.core.tree import File, Tree, base_of
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import compiler, elf, sqlite, underlinked, unwind_tables
from djbundle.builder.native.target_glibc import check_glibc
from djbundle.builder.native.target_sqlite import check_built_in_sqlite, check_sqlite, sqlite_version
from djbundle.contract import layout
from djbundle.contract.layout import LIBRARIES, PROGRAM
from djbundle.errors import LibraryError, TargetError

VFS = f"{LIBRARIES}/{layout.VFS}"
LEFT_TO_GLIBC = ("ld-linux", "libnss_", "libc.so")  # glibc opens them itself, or they are always added


def close_libraries(tree: Tree, loaded: Iterable[Path], target: Target, cache: Cache) -> None:
    """Add the program, each library that it or an ELF file of the tree needs, and the loader; slim all of them.

    Libraries that the project has `loaded` by name, with ctypes or cffi, are added too. Record in the tree which
    libraries must be loaded before each file.
    """
    search = _LibrarySearch(target)
    dynamics = {path: elf.read_dynamic(path) for path in loaded if path.is_file() and elf.is_elf(path)}
    needed = {soname for dynamic in dynamics.values() for soname in dynamic.needed}
    callers = [path for path, dynamic in dynamics.items() if sqlite.LIBRARY in dynamic.needed]
    if target.is_other:
        _check_machine(tree, target)
        _check_sqlite(target, search)
    else:
        sqlite.add_sqlite(tree, LIBRARIES, cache, callers)
    for soname, path in _opened_by_name(this_target(), dynamics, needed):
        source = search.of_system(soname) if target.is_other else path
        tree.add(f"{LIBRARIES}/{soname}", source, "libraries")
    tree.add(VFS, compiler.compile_vfs(target.machine, cache), "libraries")
    program = File(PROGRAM, compiler.compile_program(target, cache), "python", executable=True)
    waiting = [*(file for file in tree if _may_be_elf(file) and elf.is_elf(file.source)), program]
    files: dict[str, File] = {}
    found: set[str] = set()  # names of libraries that are added here
    needs: dict[str, dict[str, str]] = {}  # needs[file][library] is the soname; both are names in the tree
    while waiting:
        file = waiting.pop()
        files[file.name] = file
        needs[file.name] = {}
        dynamic = elf.read_dynamic(file.source)
        for soname in dynamic.needed:
            if soname == target.machine.loader:
                continue
            name = _find_in_tree(tree, file, soname, dynamic)
            if name is None:
                name = f"{LIBRARIES}/{soname}"
                added = File(name, search.find(soname, file.source, dynamic), "libraries", executable=False)
                tree.replace(added, added.source)
                waiting.append(added)
                found.add(name)
            needs[file.name][name] = soname
    if target.is_other:
        check_glibc({name: file.source for name, file in files.items()})
    _drop_orphans(tree, needs, found)
    sources = {name: file.source for name, file in files.items() if name in needs}
    new = underlinked.add_missing_needs(needs, sources, LIBRARIES, PROGRAM)
    cut = _break_cycles(needs)
    no_unwinding = unwind_tables.without_readers(sources)
    tree.unwinds = VFS not in no_unwinding

    def slim(name: str) -> Path:
        without = [needs[name][other] for other in cut[name]]
        with_needs = [soname for soname in new.get(name, ()) if soname not in without]
        linking = elf.Linking(without=without, with_needs=with_needs)
        return elf.slim(sources[name], cache, linking, as_image=name == PROGRAM, unwind=name not in no_unwinding)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # they wait for programs
        for name, path in zip(sources, pool.map(slim, sources), strict=True):
            tree.replace(files[name], path)
            tree.origins[name] = sources[name]
    _add_loader(tree, search, target, cache)
    _record_load_order(tree, needs, cut)


def sqlite_version_of(target: Target) -> str:
    """Return the SQLite version of bundles for the target."""
    if not target.is_other:
        return sqlite.find_source().text
    is_known = _uses_sqlite(target)
    return (sqlite_version(_LibrarySearch(target).of_system(sqlite.LIBRARY)) if is_known else None) or "unknown"


def _check_sqlite(target: Target, search: "_LibrarySearch") -> None:
    """Refuse a Python of another machine whose SQLite can corrupt a database."""
    if _uses_sqlite(target):
        check_sqlite(search.of_system(sqlite.LIBRARY))
    else:
        check_built_in_sqlite(compiler.shared_library(target))


def _uses_sqlite(target: Target) -> bool:
    """Return whether the Python of another machine uses a library of SQLite. It may also have SQLite built in."""
    return any(target.extensions.glob("_sqlite3.*"))


def _check_machine(tree: Tree, target: Target) -> None:
    """Refuse machine code that is for another machine, as that of a package installed in editable mode."""
    for file in tree:
        if _may_be_elf(file) and elf.is_elf(file.source) and elf.machine_of(file.source) != target.machine.elf:
            raise TargetError(f"{file.name} is not for {target.machine.name}", f"leave it out:  --exclude {file.name}")


def add_module(tree: Tree, name: str, source: Path, cache: Cache) -> None:
    """Add an extension module. It may need only libraries that the program loads."""
    for soname in elf.read_dynamic(source).needed:
        if soname != tree.machine.loader and f"{LIBRARIES}/{soname}" not in tree.needs[PROGRAM]:
            raise LibraryError(f"{source.name} needs {soname}, which Python itself does not", "report it to djbundle")
    tree.add(name, elf.slim(source, cache, unwind=tree.unwinds), "project")


def _opened_by_name(target: Target, loaded: Iterable[Path], needed: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Yield the system libraries that no other library needs: some code has asked the loader for them by name."""
    search = _LibrarySearch(target)
    for path in loaded:
        soname = search.soname_of(path)
        if soname is not None and soname not in needed and not soname.startswith(LEFT_TO_GLIBC):
            yield soname, path


def _drop_orphans(tree: Tree, needs: dict[str, dict[str, str]], found: Collection[str]) -> None:
    """Remove libraries of a wheel that only excluded modules needed, and those of the system that only these needed.

    Libraries of a wheel lie in a folder ``<package>.libs``, where auditwheel puts the libraries of the package's
    modules. The names in `found` are libraries of the system.
    """
    wanted = (name for name in needs if ".libs/" not in name and name not in found)
    for name in needs.keys() - underlinked.closure(wanted, needs):
        tree.remove(name)
        del needs[name]


def _break_cycles(needs: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Return the needs to remove from each library, so that no library needs itself through others.

    The loader finds a library by name only if it is loaded already. If two libraries need each other, as FreeType and
    HarfBuzz do, one must be loaded first. Functions are bound at their first call, when both are loaded.
    """
    cut: dict[str, list[str]] = {name: [] for name in needs}
    visited: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        for needed in sorted(needs[name]):
            if needed in (*above, name):
                cut[name].append(needed)
            elif needed not in visited:
                visit(needed, (*above, name))
        visited.add(name)

    for name in sorted(needs):
        if name not in visited:
            visit(name, ())
    return cut


def _record_load_order(tree: Tree, needs: dict[str, dict[str, str]], cut: dict[str, list[str]]) -> None:
    """Record in the tree what to load before each file, without what the program has loaded already."""
    always = [VFS, *_load_order(PROGRAM, needs, cut)]
    tree.needs[PROGRAM] = tuple(dict.fromkeys(always))
    for name in needs:
        if name != PROGRAM:
            tree.needs[name] = tuple(item for item in _load_order(name, needs, cut) if item not in always)


def _load_order(name: str, needs: dict[str, dict[str, str]], cut: dict[str, list[str]]) -> list[str]:
    """Return all that `name` needs, each after its own needs.

    If some of these must come after `name`, the list includes `name` itself.
    """
    ordered: list[str] = []
    begun: set[str] = set()

    def visit(current: str) -> None:
        begun.add(current)
        for needed in needs[current]:
            if needed not in begun and needed not in cut[current]:
                visit(needed)
        ordered.append(current)
        for needed in cut[current]:
            if needed not in begun:
                visit(needed)

    visit(name)
    return ordered[:-1] if ordered[-1] == name else ordered


def _may_be_elf(file: File) -> bool:
    return ".so" in base_of(file.name) or str(file.source).endswith(".so")


def _find_in_tree(tree: Tree, file: File, soname: str, dynamic: elf.Dynamic) -> str | None:
    """Return the library's name in the tree, or None.

    Look in the file's own search path, in LIBRARIES, and beside the file. In a wheel it may lie beside a file without a
    search path, because only the library that needs the file has one.
    """
    here = PurePosixPath(file.name).parent
    origins = (item.replace("$ORIGIN", ".").lstrip("/") for item in dynamic.search_path if item.startswith("$ORIGIN"))
    folders = (*(_normal(here / item) for item in origins), PurePosixPath(LIBRARIES), here)
    return next((name for folder in folders if (name := str(folder / soname)) in tree), None)


def _normal(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


class _LibrarySearch:
    """Find libraries as the target's loader does: in the file's own search path, then in the loader's cache.

    The cache of a target in a folder was never written. There, the folders of its loader are searched first, then those
    of its compiler. A Python that was made for no particular distribution comes without a C library.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._system: dict[str, Path] = {}
        for soname, path in _in_folders(target) if target.is_other else _in_loader_cache(target.machine):
            self._system.setdefault(soname, path)
        self._sonames = {path.resolve(): soname for soname, path in self._system.items() if ".so." in soname}
        self._folders = {path.parent.resolve() for path in self._system.values()}

    def soname_of(self, path: Path) -> str | None:
        """Return the name by which code asks for a system library; None for any other file.

        ldconfig lists only names that start with lib. Other libraries, such as mod_spatialite.so, are known by their
        shortest link.
        """
        path = path.resolve()
        if path.name.startswith("lib") or path.parent not in self._folders:
            return self._sonames.get(path)
        links = path.parent.glob(f"{path.name.partition('.so')[0]}.so*")
        return min((link.name for link in links if link.resolve() == path), key=len)

    def of_system(self, soname: str) -> Path:
        """Return the library of this name that any program finds."""
        return self.find(soname, self._target.python, elf.NOTHING_NEEDED)

    def find(self, soname: str, source: Path, dynamic: elf.Dynamic) -> Path:
        for item in dynamic.search_path:
            path = Path(item.replace("$ORIGIN", str(source.parent))) / soname
            if path.is_file():
                return path.resolve()
        if system_path := self._system.get(soname):
            return system_path.resolve()
        in_prefix = self._target.prefix / "lib" / soname
        if in_prefix.is_file():
            return in_prefix.resolve()
        if self._target.is_other and (library := compiler.find_library(soname, self._target.machine)):
            return library
        raise LibraryError(f"{source.name} needs {soname}, which is not on this machine", f"install what has {soname}")


def _in_loader_cache(machine: Machine) -> Iterator[tuple[str, Path]]:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    mark = re.escape(machine.in_library_cache)
    for soname, path in re.findall(rf"^\s*(\S+) \(.*{mark}.*\) => (\S+)$", listed, re.MULTILINE):
        yield soname, Path(path)


def _in_folders(target: Target) -> Iterator[tuple[str, Path]]:
    for below in ("lib", "usr/lib", "usr/local/lib"):
        for folder in (target.root / below / target.machine.triplet, target.root / below):
            for path in sorted(folder.glob("*.so*")):
                yield path.name, path


def _add_loader(tree: Tree, search: _LibrarySearch, target: Target, cache: Cache) -> None:
    interpreter = elf.read_dynamic(target.python.resolve()).interpreter
    if interpreter is None:
        raise LibraryError(f"{target.python} names no loader", "build with a Python that is linked dynamically")
    path = Path(interpreter)
    if target.is_other:
        path = search.of_system(target.machine.loader)
    loader = File(target.machine.loader, path, "libraries", executable=True)
    tree.replace(loader, elf.slim(path, cache, as_image=True))
    tree.origins[loader.name] = path.resolve()
