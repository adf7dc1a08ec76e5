"""The first Python that runs in a bundle, as the module ``_bootstrap``: makes the tree importable.

Modules come from two places, which meet in the same packages: bytecode in the tree, and the project's modules in
`_project`, the one extension module that Nuitka makes of them. This file runs before anything else is imported, so it
keeps to what the interpreter has loaded already.
"""

import sys
from importlib.machinery import ExtensionFileLoader, FileFinder, ModuleSpec, PathFinder, SourcelessFileLoader

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

ROOT = sys.path[0]
PROJECT = "_project"


class ProjectFinder:
    """Loads `_project` when the first of its modules is wanted. From then on Nuitka's own finder knows them.

    It stands before PathFinder, which would take a folder of templates for a package without code.
    """

    names: frozenset[str]  # of its top level

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if path is not None or name not in cls.names:
            return None
        sys.meta_path.remove(cls)
        __import__(PROJECT)
        return compiled_modules().find_spec(name, path)  # type: ignore[no-any-return]


def compiled_modules() -> "Any":
    """Nuitka's finder of what is compiled."""
    return next(finder for finder in sys.meta_path if repr(finder).startswith("<nuitka_module_loader"))


class ModuleLoader(SourcelessFileLoader):
    """Loads bytecode, and makes what it loads fit a bundle."""

    def exec_module(self, module: "ModuleType") -> None:
        super().exec_module(module)
        if change := CHANGES.get(module.__name__):
            change()


class ChangedFinder:
    """Finds the modules of `CHANGES` where the tree is on disk; all others are left to PathFinder."""

    @staticmethod
    def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG004
        spec = PathFinder.find_spec(name, path) if name in CHANGES else None
        if spec is not None and isinstance(spec.loader, SourcelessFileLoader):
            spec.loader = ModuleLoader(name, spec.loader.path)
        return spec


def archive_finder(archive: "Any") -> "Any":
    """Finds modules in the index of the archive: no folder is listed for it, and no file opened.

    `archive` is the built-in module of interpreter/archive_module.c.
    """
    find, load = archive.find, archive.load
    top = [ROOT]
    entries: dict[str, int] = {}

    class ArchiveLoader(ModuleLoader):
        """Reads bytecode without a file; the rest of a loader's work goes by the file."""

        def get_code(self, fullname: str) -> "Any":
            return load(entries.pop(fullname)) if fullname in entries else super().get_code(fullname)

    def spec_of(name: str, entry: int, file: str, is_package: bool) -> ModuleSpec:
        if file.endswith(".so"):
            loader: Any = ExtensionFileLoader(name, file)
        else:
            entries[name] = entry
            loader = ArchiveLoader(name, file)
        spec = ModuleSpec(name, loader, origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    class ArchiveFinder:
        """Stands before PathFinder and knows the files below the root; what it does not find may lie elsewhere."""

        @staticmethod
        def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG004
            for folder in top if path is None else path:
                found = find(folder, name.rpartition(".")[2])
                if found:
                    return spec_of(name, *found)
            return None

    return ArchiveFinder


def list_compiled_modules() -> None:
    """Let ``pkgutil.iter_modules`` see compiled modules too; Django finds template tags and commands by it."""
    import pkgutil  # noqa: PLC0415 - it has just been imported

    list_files = pkgutil.iter_importer_modules.dispatch(FileFinder)  # type: ignore[attr-defined]

    def list_modules(finder: FileFinder, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        found = dict(list_files(finder, prefix))
        if PROJECT in sys.modules:
            package = finder.path.removeprefix(ROOT + "/").replace("/", ".")
            spec = compiled_modules().find_spec(package, None)
            if spec is not None and spec.submodule_search_locations is not None:
                found |= dict(compiled_modules().sys_path_hook(finder.path).iter_modules(prefix))
        return iter(sorted(found.items()))

    pkgutil.iter_importer_modules.register(FileFinder, list_modules)  # type: ignore[attr-defined]


def find_own_libraries() -> None:
    """Let ``ctypes.util.find_library`` know those of the bundle, and no other.

    The machine's own are made for its own libc, and another machine may have none, or others.
    """
    import os  # noqa: PLC0415 - ctypes.util has it

    def find_library(name: str) -> str | None:
        known = sorted(os.listdir(f"{ROOT}/_lib"))  # noqa: PTH208 - pathlib takes milliseconds to import
        return next((file for file in known if f"{file}.".startswith(f"lib{name}.so.")), None)

    sys.modules["ctypes.util"].find_library = find_library  # type: ignore[attr-defined]


def resolve_compiled_modules() -> None:
    """Let settings resolve their ``__file__`` strictly, though a compiled module has no file."""
    import os  # noqa: PLC0415 - pathlib has it

    resolve = os.path.realpath

    def realpath(filename: "Any", *, strict: bool = False) -> "Any":
        path = os.fspath(filename)
        if strict and isinstance(path, str) and path.startswith(f"{ROOT}/") and path.endswith(".py"):
            strict = False
        return resolve(filename, strict=strict)

    os.path.realpath = realpath  # type: ignore[assignment]


def trust_authorities() -> None:
    """Let OpenSSL find certificates of authorities on this machine, or in the bundle."""
    from djbundle.runtime.core.authorities import find_authorities  # noqa: PLC0415 - where TLS is spoken

    paths = sys.modules["ssl"].get_default_verify_paths()
    find_authorities(paths.openssl_cafile, paths.openssl_capath, f"{ROOT}/certifi/cacert.pem")


# What is done when such a module is imported.
CHANGES = {
    "ssl": trust_authorities,
    "pathlib": resolve_compiled_modules,
    "pkgutil": list_compiled_modules,
    "ctypes.util": find_own_libraries,
}


def open_tree() -> None:
    """Make everything importable."""
    try:
        import _archive  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:  # the tree is on disk
        finder: Any = ChangedFinder
    else:
        finder = archive_finder(_archive)
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
    from _project_facts import NAMES  # type: ignore[import-not-found]  # noqa: PLC0415 - the builder writes it

    ProjectFinder.names = NAMES
    sys.meta_path.insert(sys.meta_path.index(PathFinder), ProjectFinder)


class SettingsFinder:
    """Gives the project's settings the same changes in an interpreter as in the bundle's own commands."""

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        environment = getattr(sys.modules.get("os"), "environ", {})  # before os is loaded nobody wants settings
        if environment.get("DJANGO_SETTINGS_MODULE") != name:
            return None
        from pathlib import Path  # noqa: PLC0415

        from djbundle.runtime.cli.interpreter import settings_spec  # noqa: PLC0415

        sys.meta_path.remove(cls)
        return settings_spec(name, Path(ROOT))


def prepare_interpreter() -> None:
    """Called when the bundle is to be a plain Python for -c, -m or a file; it knows which settings are the site's."""
    import os  # noqa: PLC0415 - whatever runs then has it

    from _project_facts import VARIABLES  # noqa: PLC0415

    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    sys.meta_path.insert(0, SettingsFinder)


def main() -> int:
    """Run one of the bundle's own commands; the exit code."""
    import gc  # noqa: PLC0415 - built in

    # Collecting while modules load finds nothing to free and costs a fifth of the start.
    gc.disable()
    from pathlib import Path  # noqa: PLC0415

    from djbundle.runtime.cli import main as entry  # noqa: PLC0415

    argv = [*sys.argv]
    sys.argv[0] = sys.executable  # by which autoreload starts it again, from wherever
    return entry.main(Path(ROOT), argv)


open_tree()
