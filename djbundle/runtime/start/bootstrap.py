"""The first Python that runs in a bundle, as the module ``_bootstrap``: makes the tree importable, and runs a command.

It runs before anything else is imported, so it keeps to what the interpreter has loaded already.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder

TYPE_CHECKING = False  # as typing has it, without importing typing
if TYPE_CHECKING:
    from typing import Any

    from djbundle.runtime.start import changes, finders
else:
    import _changes as changes
    import _finders as finders


def open_tree() -> None:
    """Make the modules of the tree and of the project importable."""
    try:
        import _archive  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:  # the tree is on disk
        finder: Any = finders.FolderFinder
        finders.prefer_bytecode()
    else:
        finder = finders.archive_finder(_archive)
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
    from _project_facts import COMPILED, PROJECT, SOURCES  # type: ignore[import-not-found]  # noqa: PLC0415 - the builder writes it

    finders.ModuleLoader.changes = changes.CHANGES
    finders.CompiledFinder.modules, finders.FolderFinder.with_sources = COMPILED, SOURCES
    finders.FolderFinder.of_project = frozenset(name.removesuffix(".py") for name in PROJECT)
    finders.CompiledFinder.tree_finder = finder if finder is not finders.FolderFinder else PathFinder
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finders.ProjectFinder)


def add_builtins() -> None:
    """Define what Python's module site adds to the built-in functions, since commands end with ``exit(1)``."""
    import _sitebuiltins  # noqa: PLC0415 - the tree is open now
    import builtins  # noqa: PLC0415

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()
    texts = {"copyright": sys.copyright, "credits": "See www.python.org.", "license": "See python.org/psf/license."}
    for name, text in texts.items():
        setattr(builtins, name, _sitebuiltins._Printer(name, text))


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
        return settings_spec(name, Path(finders.ROOT))


def prepare_interpreter() -> None:
    """Prepare a plain Python (``-c``, ``-m`` or a file) that uses the site's settings; main.c calls this."""
    import os  # noqa: PLC0415 - whatever runs then has it

    from _project_facts import DATA_VARIABLE, PROJECT, VARIABLES  # noqa: PLC0415

    from djbundle.contract.variables import SETTINGS_MODULE  # noqa: PLC0415 - packages cannot be imported earlier
    from djbundle.runtime.core import listed_folder  # noqa: PLC0415

    SettingsFinder.variable = SETTINGS_MODULE
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    sys.meta_path.insert(0, SettingsFinder)
    if "_files" in sys.builtin_module_names:  # what the project reads by relative paths, also without its settings
        import _files  # type: ignore[import-not-found]  # noqa: PLC0415

        _files.show_project(os.fsencode(finders.ROOT), b"".join(os.fsencode(name) + b"\0" for name in PROJECT))
        data = os.environ.get(DATA_VARIABLE, "")
        if listed_folder.is_listed(PROJECT, os.path.realpath(data) if data else ""):
            _files.list_project()
        if data:
            _files.make_copies_in(os.fsencode(os.path.realpath(data)))


def main() -> int:
    """Run one of the bundle's own commands and return the exit code."""
    import gc  # noqa: PLC0415 - built in

    # While modules load, the garbage collector finds nothing to free and costs a fifth of the start.
    gc.disable()
    from pathlib import Path  # noqa: PLC0415

    from djbundle.runtime.cli import main as entry  # noqa: PLC0415

    argv = [*sys.argv]
    sys.argv[0] = sys.executable  # autoreload restarts the bundle by this path, from any working folder
    return entry.main(Path(finders.ROOT), argv)


open_tree()
add_builtins()
