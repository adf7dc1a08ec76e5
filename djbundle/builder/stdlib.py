"""The standard library's share of the tree: all of it, less what can only serve development."""

import sysconfig
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from djbundle.builder.bytecode import Source, add_bytecode
from djbundle.builder.cache import Cache
from djbundle.builder.tree import LICENSES_FOLDER, Tree

TOOLS = frozenset(
    (
        *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "venv"),
        *("pydoc_data", "__phello__", "site-packages", "__pycache__"),
    )
)
TEST_EXTENSIONS = ("_test*", "xx*", "_xx*", "_ctypes_test", "_tkinter")


def add_standard_library(tree: Tree, extensions: Iterable[str], cache: Cache) -> None:
    """Add the standard library of the interpreter that runs this build.

    Docstrings stay behind: help() is for development too. Its extension modules go to the root as all else does: Nuitka's own start imports some before any other folder is
    on ``sys.path``. `extensions` are those that the executable looks for under the name ``ROOT/<name>.so``.
    """
    library = Path(sysconfig.get_path("stdlib"))
    names = (path.relative_to(library) for path in sorted(library.rglob("*.py")))
    sources = [
        Source(library / name, str(name), keeps_docstrings=False) for name in names if not TOOLS & set(name.parts)
    ]
    add_bytecode(tree, sources, cache, "python")
    _add_extensions(tree, set(extensions))
    for path in (library / "LICENSE.txt", library.parents[1] / "LICENSE"):
        if path.is_file():
            tree.add(f"{LICENSES_FOLDER}/python.txt", path, "python")


def _add_extensions(tree: Tree, renamed: set[str]) -> None:
    for path in sorted(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")):
        module = path.name.split(".")[0]
        if not any(fnmatch(module, pattern) for pattern in TEST_EXTENSIONS):
            tree.add(f"{module}.so" if module in renamed else path.name, path, "python")
