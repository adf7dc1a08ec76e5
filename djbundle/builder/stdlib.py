"""The standard library's share of the tree: all of it, less what can only serve development."""

import sysconfig
from fnmatch import fnmatch
from pathlib import Path

from djbundle.builder.bytecode import Source, add_bytecode
from djbundle.builder.cache import Cache
from djbundle.builder.nuitka import Executable
from djbundle.builder.tree import LICENSES_FOLDER, Tree

TOOLS = frozenset(
    (
        *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "venv", "_pyrepl"),
        *("pydoc_data", "__phello__", "site-packages", "__pycache__"),
    )
)
TEST_EXTENSIONS = ("_test*", "xx*", "_xx*", "_ctypes_test", "_tkinter")


def add_standard_library(tree: Tree, executable: Executable, cache: Cache) -> None:
    """Add the standard library of the interpreter that runs this build.

    Docstrings stay behind, since help() is for development too, and so do modules that are in the executable. Extension
    modules go to the root: Nuitka's own start imports some before any other folder is on ``sys.path``.
    """
    library = Path(sysconfig.get_path("stdlib"))
    names = (path.relative_to(library) for path in sorted(library.rglob("*.py")))
    sources = [
        Source(library / name, str(name), keeps_docstrings=False)
        for name in names
        if not TOOLS & set(name.parts) and _module(name) not in executable.modules
    ]
    add_bytecode(tree, sources, cache, "python")
    _add_extensions(tree, executable.extensions)
    for path in (library / "LICENSE.txt", library.parents[1] / "LICENSE"):
        if path.is_file():
            tree.add(f"{LICENSES_FOLDER}/python.txt", path, "python")


def _module(name: Path) -> str:
    return ".".join(name.with_suffix("").parts).removesuffix(".__init__")


def _add_extensions(tree: Tree, renamed: frozenset[str]) -> None:
    """`renamed` are those that the executable looks for under the name ``ROOT/<name>.so``."""
    for path in sorted(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")):
        module = path.name.split(".")[0]
        if not any(fnmatch(module, pattern) for pattern in TEST_EXTENSIONS):
            tree.add(f"{module}.so" if module in renamed else path.name, path, "python")
