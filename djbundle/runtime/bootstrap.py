"""The main module of every bundle: makes the tree importable, then hands over to entry.

Nuitka compiles this file into the executable ``_main``. The tree holds compiled modules (inside the executable)
and ``.pyc`` files side by side in the same packages, and it is here that the two become one.
It runs before anything else is imported, so it keeps to modules that the interpreter has loaded already.
"""

import gc
import os
import sys
from importlib.machinery import ExtensionFileLoader, FileFinder, ModuleSpec, PathFinder, SourcelessFileLoader

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

__compiled__: "Any"  # set by Nuitka in every module that it compiles

# Collecting while modules load finds nothing to free and costs a fifth of the start.
gc.disable()


def open_tree() -> str:
    """Make packages importable from files as well as from the executable; return the root of the tree."""
    root = sys.path[0]
    sys.path[:] = [root]
    # Nuitka puts a hook first that claims the folder of each compiled package and hides the files in it. Behind the
    # others it only answers for packages without any file.
    nuitka_hook = next(hook for hook in sys.path_hooks if getattr(hook, "__name__", "") == "sys_path_hook")
    sys.path_hooks.remove(nuitka_hook)
    sys.path_hooks.append(nuitka_hook)
    sys.path_importer_cache.clear()
    # The interpreter's own frozen packages, "encodings" and "importlib", found no folder for their other modules.
    for name, module in list(sys.modules.items()):
        if getattr(module, "__path__", None) == []:
            module.__path__ = [f"{root}/{name.replace('.', '/')}"]
    try:
        import _archive  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:  # the tree is on disk
        list_compiled_modules(root, nuitka_hook)
    else:
        finder = archive_finder(_archive, root, lambda: list_compiled_modules(root, nuitka_hook))
        sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
    return root


def archive_finder(archive: "Any", root: str, mend_pkgutil: "Callable[[], None]") -> "Any":
    """Finds modules in the index of the archive: no folder is listed for it, and no file opened.

    `archive` is the module of vfs/archive_module.c; `mend_pkgutil` is called when that module has been imported.
    """
    find, load = archive.find, archive.load
    top = [root]
    entries: dict[str, int] = {}

    class ArchiveLoader(SourcelessFileLoader):
        """Reads bytecode without a file; the rest of a loader's work goes by the file."""

        def get_code(self, fullname: str) -> "Any":
            return load(entries.pop(fullname)) if fullname in entries else super().get_code(fullname)

        def exec_module(self, module: "ModuleType") -> None:
            super().exec_module(module)
            if module.__name__ == "pkgutil":
                mend_pkgutil()

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


def list_compiled_modules(root: str, nuitka_hook: "Callable[[str], Any]") -> None:
    """Let ``pkgutil.iter_modules`` see compiled modules too; Django finds template tags and commands by it."""
    import pkgutil  # noqa: PLC0415 - it has just been imported

    compiled = next(finder for finder in sys.meta_path if repr(finder).startswith("<nuitka_module_loader"))
    list_files = pkgutil.iter_importer_modules.dispatch(FileFinder)  # type: ignore[attr-defined]

    def list_modules(finder: FileFinder, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        found = dict(list_files(finder, prefix))
        package = finder.path.removeprefix(root + "/").replace("/", ".")
        spec = compiled.find_spec(package, None)
        if spec is not None and spec.submodule_search_locations is not None:
            found |= dict(nuitka_hook(finder.path).iter_modules(prefix))
        return iter(sorted(found.items()))

    pkgutil.iter_importer_modules.register(FileFinder, list_modules)  # type: ignore[attr-defined]


def run_as_interpreter(arguments: list[str]) -> bool:
    """Behave as ``python -c`` and ``python -m`` do, for multiprocessing, autoreload and subprocess users."""
    flags = 0
    while arguments[flags : flags + 1] and arguments[flags].startswith("-") and arguments[flags][1:2] not in "cm-":
        flags += 2 if arguments[flags] in ("-X", "-W") else 1
    if len(arguments) < flags + 2 or arguments[flags] not in ("-c", "-m"):
        return False
    gc.enable()
    option, what = arguments[flags : flags + 2]
    sys.argv[:] = [option, *arguments[flags + 2 :]]
    sys.path.insert(0, "")
    if option == "-c":
        exec(compile(what, "<string>", "exec"), vars(sys.modules["__main__"]))  # noqa: S102
    else:
        import runpy  # noqa: PLC0415

        runpy.run_module(what, run_name="__main__", alter_sys=True)
    return True


def main() -> int:
    """Start the bundle; the exit code."""
    root = open_tree()
    sys.executable = os.environ.pop("DJBUNDLE_EXECUTABLE", "") or os.readlink("/proc/self/exe")  # noqa: PTH115 - no pathlib yet
    sys.argv[0] = __compiled__.original_argv0  # noqa: F821 - "./shop"; Nuitka puts the path of the loader there
    if run_as_interpreter(sys.argv[1:]):
        return 0
    from pathlib import Path  # noqa: PLC0415

    from djbundle.runtime import entry  # noqa: PLC0415

    return entry.main(Path(root), sys.argv)


if __name__ == "__main__":
    sys.exit(main())
