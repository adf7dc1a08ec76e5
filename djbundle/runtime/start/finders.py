"""Finds the modules of a bundle, as the module ``_finders``. bootstrap.py puts the finders in their places.

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
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType
    from typing import Any

ROOT = sys.path[0]
PROJECT = "_project"
NO_FOLDER = "/not_existing"  # Nuitka puts folders below this one into the __path__ of packages


class ProjectFinder:
    """Loads `_project` at the first import of one of its modules. From then on CompiledFinder finds them.

    It comes before all finders of files: a folder of templates is not a package without code, and a package that is
    bytecode itself may have compiled modules.
    """

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if not CompiledFinder.has(name):
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
    tree_finder: "Any" = None  # what finds files of the tree

    @classmethod
    def has(cls, name: str) -> bool:
        """Return whether the module is a compiled one, and no folder that comes first in ``sys.path`` has another."""
        if name not in cls.modules:
            return False
        if sys.path[:1] == [ROOT] or "." in name:
            return True
        if not is_root_on_path():
            return False
        other = cls.tree_finder.find_spec(name, [*folders_before_root()])
        return other is None or other.loader is None

    @classmethod
    def take_over(cls) -> None:
        position = next(i for i, each in enumerate(sys.meta_path) if repr(each).startswith("<nuitka_module_loader"))
        cls.nuitka, sys.meta_path[position] = sys.meta_path[position], cls

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if not cls.has(name):
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
        if isinstance(path := vars(module).get("__path__"), list):  # no function of the module is called for it
            path[:] = [each for each in path if each != NO_FOLDER and not each.startswith(f"{NO_FOLDER}/")]

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
    """Loads bytecode, then applies the change that `changes` has for the module."""

    changes: "dict[str, Callable[[], None]]" = {}  # set once, by bootstrap.py

    def exec_module(self, module: "ModuleType") -> None:
        super().exec_module(module)
        if change := self.changes.get(module.__name__):
            change()


class SourceModuleLoader(SourceFileLoader):
    """Loads the bytecode of a module whose source is in the bundle too. Its path is that of the source."""

    def get_code(self, fullname: str) -> "Any":
        return SourcelessFileLoader(fullname, f"{self.path}c").get_code(fullname)


def search(name: str, folders: "Iterable[object]", find_in_tree: "Callable[[str, str], Any]") -> "ModuleSpec | None":
    """Return the spec of a module by the first of these folders that has it, be it in the tree or elsewhere.

    A folder without code is no answer, as a later one may have a package. PathFinder makes namespaces of such folders.
    The working folder, "", is left to PathFinder too: what lies there must not take the place of the bundle's modules.
    """
    for folder in folders:
        if not isinstance(folder, str) or not folder:
            continue
        is_in_tree = f"{folder}/".startswith(f"{ROOT}/")
        spec = find_in_tree(folder.rstrip("/"), name) if is_in_tree else None
        if spec is None and not (is_in_tree and (folder.rstrip("/") == ROOT or "." in name)):
            # In the tree, it is a source whose module is compiled by another name.
            spec = PathFinder.find_spec(name, [folder])
        if spec is not None and spec.loader is not None:
            return spec  # type: ignore[no-any-return]
    return None


def folders_before_root() -> "Iterator[str]":
    """Yield the folders that come before the root in ``sys.path``."""
    for folder in sys.path:
        if folder == ROOT:
            return
        if folder:  # the working folder counts only for what the bundle does not have
            yield folder


def is_root_on_path() -> bool:
    return any(isinstance(folder, str) and folder.rstrip("/") == ROOT for folder in sys.path)


class FolderFinder:
    """Finds modules as PathFinder does, where the tree is on disk. It gives some of them a loader of ours."""

    with_sources: frozenset[str] = frozenset()  # modules that are bytecode, and whose sources are there
    of_project: frozenset[str] = frozenset()  # top-level modules and packages of the project

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG003
        if name not in ModuleLoader.changes and name not in cls.with_sources:
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

    def find_in_tree(folder: str, name: str) -> ModuleSpec | None:
        entry = find(folder, name.rpartition(".")[2])
        return spec_of(name, *entry) if entry else None

    class ArchiveFinder:
        """Comes before PathFinder, and uses the index for folders of the tree. It keeps to the order of the path.

        A project may take its own folder off the path. In a bundle, all packages and the standard library lie in that
        folder too, and these are still found.
        """

        @staticmethod
        def find_spec(name: str, path: "Any" = None, target: "Any" = None) -> ModuleSpec | None:  # noqa: ARG004
            spec = search(name, sys.path if path is None else path, find_in_tree)
            if spec is None and path is None and name not in FolderFinder.of_project and not is_root_on_path():
                return find_in_tree(ROOT, name)
            return spec

    return ArchiveFinder


def prefer_bytecode() -> None:
    """Let folders on the disk be searched for bytecode before sources. A source would be compiled at each start."""
    hook = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (SourcelessFileLoader, [".pyc"]), (SourceFileLoader, [".py"])
    )
    own = next(i for i, each in enumerate(sys.path_hooks) if "FileFinder" in repr(each))
    sys.path_hooks[own] = hook
    sys.path_importer_cache.clear()
