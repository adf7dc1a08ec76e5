"""The first Python that runs in a bundle, as the module ``_bootstrap``: makes the tree importable.

Modules come from two places, which meet in the same packages: bytecode in the tree, and the project's modules in
`_project`, the one extension module that Nuitka makes of them. This file runs before anything else is imported, so it
keeps to what the interpreter has loaded already.
"""

import sys
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

ROOT = sys.path[0]
PROJECT = "_project"


class ProjectFinder:
    """Loads `_project` at the first import of one of its modules. From then on CompiledFinder finds them.

    It comes before all finders of files: a folder of templates is no package without code, and a package that is
    bytecode itself may have compiled modules.
    """

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if name not in CompiledFinder.modules:
            return None
        sys.meta_path.remove(cls)
        __import__(PROJECT)
        CompiledFinder.take_over()
        return CompiledFinder.find_spec(name, path)


class CompiledFinder:
    """Finds compiled modules in the place of Nuitka's own finder, and gives them a loader that knows their sources.

    Nuitka's finder is asked for no other module: it would look for that one itself, in the folder of its package.
    """

    nuitka: "Any" = None  # Nuitka's finder
    modules: dict[str, bool]  # the compiled modules by name; whether each is a package

    @classmethod
    def take_over(cls) -> None:
        position = next(i for i, each in enumerate(sys.meta_path) if repr(each).startswith("<nuitka_module_loader"))
        cls.nuitka, sys.meta_path[position] = sys.meta_path[position], cls

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if name not in cls.modules:
            return None
        spec: ModuleSpec | None = cls.nuitka.find_spec(name, path)
        if spec is not None:
            spec.loader = CompiledLoader(spec)  # type: ignore[assignment]
        return spec

    @classmethod
    def modules_in(cls, package: str, prefix: str) -> "Iterator[tuple[str, bool]]":
        """Yield the names of the compiled modules in a package, each after `prefix`, as pkgutil lists modules."""
        for name, is_package in cls.modules.items():
            parent, _, own = name.rpartition(".")
            if parent == package:
                yield prefix + own, is_package


class CompiledLoader:
    """Loads a compiled module as Nuitka does. From its source, if it is in the bundle, it makes code for runpy."""

    def __init__(self, spec: ModuleSpec) -> None:
        file = f"{ROOT}/{spec.name.replace('.', '/')}"
        self.path = f"{file}.py" if spec.submodule_search_locations is None else f"{file}/__init__.py"
        self._loader: Any = spec.loader

    def exec_module(self, module: "ModuleType") -> None:
        self._loader.exec_module(module)
        module.__loader__ = self  # Nuitka sets its own
        if isinstance(path := getattr(module, "__path__", None), list):
            path[:] = [each for each in path if not each.endswith("/not_existing")]  # Nuitka adds this folder

    def get_filename(self, _name: str) -> str:
        return self.path

    def get_source(self, _name: str) -> str | None:
        """Return the source; None if the project is protected."""
        import os  # noqa: PLC0415 - whoever asks has it

        return SourceFileLoader(_name, self.path).get_source(_name) if os.path.exists(self.path) else None  # noqa: PTH110

    def get_code(self, name: str) -> "Any":
        source = self.get_source(name)
        if source is None:
            raise ImportError(f"no source of {name} is in the bundle, which was built with protect = true")
        return compile(source, self.path, "exec", dont_inherit=True)

    def get_data(self, path: str) -> bytes:
        """Return the content of a file, for pkgutil.get_data."""
        return SourceFileLoader("", self.path).get_data(path)

    def get_resource_reader(self, name: str) -> "Any":
        """Return a reader whose files are paths. Those of Nuitka's own reader cannot be opened by other code."""
        return SourceFileLoader(name, self.path).get_resource_reader(name)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)


class ModuleLoader(SourcelessFileLoader):
    """Loads bytecode, then applies the change that `CHANGES` has for the module."""

    def exec_module(self, module: "ModuleType") -> None:
        super().exec_module(module)
        if change := CHANGES.get(module.__name__):
            change()


class SourceModuleLoader(SourceFileLoader):
    """Loads the bytecode of a module whose source is in the bundle too. Its path is that of the source."""

    def get_code(self, fullname: str) -> "Any":
        return SourcelessFileLoader(fullname, f"{self.path}c").get_code(fullname)


class FolderFinder:
    """Finds modules as PathFinder does, where the tree is on disk. It gives some of them a loader of ours."""

    with_sources: frozenset[str] = frozenset()  # modules that are bytecode, and whose sources are there

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if name not in CHANGES and name not in cls.with_sources:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, SourcelessFileLoader):
            file = spec.loader.path
            if name in cls.with_sources:
                spec.origin = file[:-1]
                spec.loader = SourceModuleLoader(name, spec.origin)
            else:
                spec.loader = ModuleLoader(name, file)
        return spec


def archive_finder(archive: "Any") -> "Any":
    """Return a finder that uses the archive's index, so that an import lists no folder and opens no file.

    `archive` is the built-in module of interpreter/archive_module.c.
    """
    find, load = archive.find, archive.load
    top = [ROOT]
    entries: dict[str, int] = {}

    class FromArchive:
        """Reads bytecode without a file. Everything else a loader does uses the file."""

        def get_code(self, fullname: str) -> "Any":
            return load(entries.pop(fullname)) if fullname in entries else super().get_code(fullname)  # type: ignore[misc]

    class ArchiveLoader(FromArchive, ModuleLoader):
        pass

    class ArchiveSourceLoader(FromArchive, SourceModuleLoader):  # type: ignore[misc]
        pass

    def spec_of(name: str, entry: int, file: str, is_package: bool) -> ModuleSpec:
        if file.endswith(".so"):
            loader: Any = ExtensionFileLoader(name, file)
        else:
            entries[name] = entry
            file = file[:-1] if name in FolderFinder.with_sources else file
            loader = ArchiveLoader(name, file) if file.endswith("c") else ArchiveSourceLoader(name, file)
        spec = ModuleSpec(name, loader, origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    class ArchiveFinder:
        """Comes before PathFinder and finds the files below the root. Other modules may lie elsewhere."""

        @staticmethod
        def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG004
            for folder in top if path is None else path:
                entry = find(folder, name.rpartition(".")[2])
                if entry:
                    return spec_of(name, *entry)
            return None

    return ArchiveFinder


def prefer_bytecode() -> None:
    """Let folders on the disk be searched for bytecode before sources. A source would be compiled at each start."""
    hook = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (SourcelessFileLoader, [".pyc"]), (SourceFileLoader, [".py"])
    )
    own = next(i for i, each in enumerate(sys.path_hooks) if "FileFinder" in repr(each))
    sys.path_hooks[own] = hook
    sys.path_importer_cache.clear()


def list_compiled_modules() -> None:
    """Make ``pkgutil.iter_modules`` list compiled modules too. Django uses it to find template tags and commands."""
    import pkgutil  # noqa: PLC0415 - it has just been imported

    list_files = pkgutil.iter_importer_modules.dispatch(FileFinder)  # type: ignore[attr-defined]

    def list_modules(finder: FileFinder, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        modules = dict(list_files(finder, prefix))
        if f"{finder.path}/".startswith(f"{ROOT}/"):
            package = finder.path[len(ROOT) + 1 :].replace("/", ".")
            modules |= dict(CompiledFinder.modules_in(package, prefix))
        return iter(sorted(modules.items()))

    pkgutil.iter_importer_modules.register(FileFinder, list_modules)  # type: ignore[attr-defined]


def find_own_libraries() -> None:
    """Make ``ctypes.util.find_library`` find the libraries of the bundle, and no others.

    The machine's own libraries are built for its own libc, and another machine may have none, or others.
    """
    import os  # noqa: PLC0415 - ctypes.util has it

    from djbundle.contract.layout import LIBRARIES  # noqa: PLC0415 - packages cannot be imported earlier

    def find_library(name: str) -> str | None:
        known = sorted(os.listdir(f"{ROOT}/{LIBRARIES}"))  # noqa: PTH208 - pathlib takes milliseconds to import
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
    """Make OpenSSL find the certificates of authorities on this machine, or else in the bundle."""
    from djbundle.runtime.core.authorities import find_authorities  # noqa: PLC0415 - where TLS is spoken

    paths = sys.modules["ssl"].get_default_verify_paths()
    find_authorities(paths.openssl_cafile, paths.openssl_capath, f"{ROOT}/certifi/cacert.pem")


# The function to call after a module of that name is imported.
CHANGES = {
    "ssl": trust_authorities,
    "pathlib": resolve_compiled_modules,
    "pkgutil": list_compiled_modules,
    "ctypes.util": find_own_libraries,
}


def open_tree() -> None:
    """Make the modules of the tree and of the project importable."""
    try:
        import _archive  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:  # the tree is on disk
        finder: Any = FolderFinder
        prefer_bytecode()
    else:
        finder = archive_finder(_archive)
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
    from _project_facts import COMPILED, SOURCES  # type: ignore[import-not-found]  # noqa: PLC0415 - the builder writes it

    CompiledFinder.modules, FolderFinder.with_sources = COMPILED, SOURCES
    sys.meta_path.insert(sys.meta_path.index(PathFinder), ProjectFinder)


class SettingsFinder:
    """Applies the settings overlay when the bundle runs as a Python interpreter. Its own commands do so themselves."""

    variable: str  # that names the settings module

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        environment = getattr(sys.modules.get("os"), "environ", {})  # settings are imported only after os
        if environment.get(cls.variable) != name:
            return None
        from pathlib import Path  # noqa: PLC0415

        from djbundle.runtime.cli.interpreter import settings_spec  # noqa: PLC0415

        sys.meta_path.remove(cls)
        return settings_spec(name, Path(ROOT))


def prepare_interpreter() -> None:
    """Prepare a plain Python (``-c``, ``-m`` or a file) that uses the site's settings; main.c calls this."""
    import os  # noqa: PLC0415 - whatever runs then has it

    from _project_facts import VARIABLES  # noqa: PLC0415

    from djbundle.contract.variables import SETTINGS_MODULE  # noqa: PLC0415 - packages cannot be imported earlier

    SettingsFinder.variable = SETTINGS_MODULE
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    sys.meta_path.insert(0, SettingsFinder)


def main() -> int:
    """Run one of the bundle's own commands and return the exit code."""
    import gc  # noqa: PLC0415 - built in

    # While modules load, the garbage collector finds nothing to free and costs a fifth of the start.
    gc.disable()
    from pathlib import Path  # noqa: PLC0415

    from djbundle.runtime.cli import main as entry  # noqa: PLC0415

    argv = [*sys.argv]
    sys.argv[0] = sys.executable  # autoreload restarts the bundle by this path, from any working folder
    return entry.main(Path(ROOT), argv)


open_tree()
