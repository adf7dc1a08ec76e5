"""Add the standard library, without the parts that only serve development or another system."""

from collections.abc import Collection
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import LICENSES_FOLDER, Tree
from djbundle.builder.dependencies.imports import ImportedModules
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.native import elf
from djbundle.builder.project.project import Project

UNNEEDED = frozenset(  # not needed on a Linux server
    (
        *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "venv"),
        *("pydoc_data", "__phello__", "__hello__.py", "antigravity.py", "this.py", "site-packages", "__pycache__"),
        *("_aix_support.py", "_android_support.py", "_apple_support.py", "_ios_support.py", "_osx_support.py"),
    )
)
# Extensions under the GPL, by the library that they need. Others of the same name have another licence: uv's readline
# uses libedit.
GPL_EXTENSIONS = {"readline": "libreadline", "_gdbm": "libgdbm", "_dbm": "libgdbm_compat"}
USED_AS = {"dbm.gnu": "_gdbm", "dbm.ndbm": "_dbm"}  # the names by which they are imported
LINE_EDITOR = "runtime/start/line_editor.py"  # in place of readline
TEST_EXTENSIONS = ("_test*", "xx*", "_xx*", "_ctypes_test", "_tkinter")


def add_standard_library(tree: Tree, target: Target, used: Collection[str], cache: Cache) -> None:
    """Add the standard library of the bundle's Python, with its extension modules.

    Those under the GPL only go in if they are among the modules `used`.
    """
    library = target.stdlib
    # In the folder of another machine, some of Debian's links lead out of it.
    names = (path.relative_to(library) for path in sorted(library.rglob("*.py")) if path.is_file())
    # Its existing bytecode is not used: the process that wrote it used some of these modules, and stored texts
    # otherwise.
    sources = [Source(library / name, str(name), takes_ready=False) for name in names if not UNNEEDED & set(name.parts)]
    if "readline" in _add_extensions(tree, target, used):
        sources.append(Source(Path(str(files("djbundle") / LINE_EDITOR)), "readline.py"))
    add_bytecode(tree, sources, cache, "python")
    for path in (library / "LICENSE.txt", library.parents[1] / "LICENSE"):
        if path.is_file():
            tree.add(f"{LICENSES_FOLDER}/python.txt", path, "python")


def used_of_gpl(project: Project, inspection: Inspection) -> set[str]:
    """Return the modules of GPL_EXTENSIONS that the project imports, now or later."""
    names = ImportedModules([*GPL_EXTENSIONS, *USED_AS])
    later = {
        USED_AS.get(name, name) for path in project.sources() for name in names.of((project.root / path).read_bytes())
    }
    return later | (GPL_EXTENSIONS.keys() & inspection.modules.keys())


def _add_extensions(tree: Tree, target: Target, used: Collection[str]) -> set[str]:
    """Add the extension modules, and return the names of those that stay out for their licence."""
    left_out = set()
    for path in sorted(target.extensions.glob("*.so")):
        name = path.name.split(".")[0]
        is_test = any(fnmatch(name, pattern) for pattern in TEST_EXTENSIONS)
        if name not in used and _is_gpl(name, path):
            left_out.add(name)
        elif not is_test:
            tree.add(path.name, path, "python")
    return left_out


def _is_gpl(name: str, path: Path) -> bool:
    library = GPL_EXTENSIONS.get(name)
    return library is not None and any(each.startswith(f"{library}.so") for each in elf.read_dynamic(path).needed)
