"""Add the standard library, without the parts that only serve development or another system."""

from fnmatch import fnmatch

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import LICENSES_FOLDER, Tree

UNNEEDED = frozenset(  # not needed on a Linux server
    (
        *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "venv"),
        *("pydoc_data", "__phello__", "__hello__.py", "antigravity.py", "this.py", "site-packages", "__pycache__"),
        *("_aix_support.py", "_android_support.py", "_apple_support.py", "_ios_support.py", "_osx_support.py"),
    )
)
TEST_EXTENSIONS = ("_test*", "xx*", "_xx*", "_ctypes_test", "_tkinter")


def add_standard_library(tree: Tree, target: Target, cache: Cache) -> None:
    """Add the standard library of the bundle's Python, with its extension modules."""
    library = target.stdlib
    # In the folder of another machine, some of Debian's links lead out of it.
    names = (path.relative_to(library) for path in sorted(library.rglob("*.py")) if path.is_file())
    # Its existing bytecode is not used: the process that wrote it used some of these modules, and stored texts
    # otherwise.
    sources = [Source(library / name, str(name), takes_ready=False) for name in names if not UNNEEDED & set(name.parts)]
    add_bytecode(tree, sources, cache, "python")
    _add_extensions(tree, target)
    for path in (library / "LICENSE.txt", library.parents[1] / "LICENSE"):
        if path.is_file():
            tree.add(f"{LICENSES_FOLDER}/python.txt", path, "python")


def _add_extensions(tree: Tree, target: Target) -> None:
    for path in sorted(target.extensions.glob("*.so")):
        if not any(fnmatch(path.name.split(".")[0], pattern) for pattern in TEST_EXTENSIONS):
            tree.add(path.name, path, "python")
