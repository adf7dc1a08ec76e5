"""What is installed: the project's packages and djbundle's own, which may lie in two environments.

Where djbundle runs from an environment of its own (see environment.py), modules of the builder come from there, and
the project's packages are read through this file: the project's first, djbundle's for what the project's lacks.
"""

import functools
import importlib.metadata
import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

OWN = ("djbundle", "granian", "nuitka", "zstandard")  # djbundle itself may be a checkout elsewhere
PACKAGE_FOLDERS = ("site-packages", "dist-packages")

# Started as ``python -P -c``, the folders of djbundle's own packages as the first argument.
_OWN_FIRST = "import sys; sys.path[:0] = sys.argv.pop(1).split({separator!r}); {then}"
# The same for a process in which the project's packages go first. djbundle itself is always this one.
_OWN_LAST = """\
import os, sys
own, rest = sys.argv.pop(1).split({separator!r}), sys.path[:]
sys.path[:] = own
import djbundle
sys.path[:] = [os.getcwd(), *rest, *(folder for folder in own if folder not in rest)]
{then}
"""


@functools.cache
def own_folders() -> tuple[str, ...]:
    """Where the running djbundle and what it needs are imported from."""
    origins = [spec.origin for spec in map(find_spec, OWN) if spec and spec.origin]
    return tuple(dict.fromkeys(str(Path(origin).parents[1]) for origin in origins))


@functools.cache
def search_path() -> tuple[str, ...]:
    """Where the project's packages are looked for, the standard library included."""
    own = own_folders()
    return (*(folder for folder in sys.path if folder and folder not in own), *own)


def package_folders() -> list[Path]:
    """The folders of `search_path` that hold installed packages."""
    return [Path(folder) for folder in search_path() if folder in own_folders() or folder.endswith(PACKAGE_FOLDERS)]


def distributions() -> Iterable[importlib.metadata.Distribution]:
    """Everything installed; one that is there twice comes twice, the project's first."""
    return importlib.metadata.distributions(path=list(search_path()))


def is_of_project(distribution: importlib.metadata.Distribution) -> bool:
    """Whether it lies in the project's environment, which may be djbundle's own."""
    own = set(map(Path, own_folders()))
    return own.issuperset(package_folders()) or Path(str(distribution.locate_file(""))) not in own


def distribution(name: str) -> importlib.metadata.Distribution:
    """The project's, else djbundle's; importlib.metadata.PackageNotFoundError when it is in neither."""
    for found in importlib.metadata.distributions(name=name, path=list(search_path())):
        return found
    raise importlib.metadata.PackageNotFoundError(name)


_files: dict[str, list[importlib.metadata.PackagePath]] = {}  # by the folder of metadata: asked for several times


def files_of(distribution: importlib.metadata.Distribution) -> list[importlib.metadata.PackagePath]:
    """Those that are there; each is looked at once, which takes long where there are ten thousands."""
    place = str(getattr(distribution, "_path", id(distribution)))
    if place not in _files:
        _files[place] = distribution.files or []
    return _files[place]


def builder_command(python: Path, then: str) -> list[str]:
    """The command line that runs the statement `then` with djbundle's own packages going first."""
    code = _OWN_FIRST.format(separator=os.pathsep, then=then)
    return [str(python), "-P", "-c", code, os.pathsep.join(own_folders())]


def project_command(then: str) -> list[str]:
    """The command line that runs the statement `then` as the project would, in its folder."""
    code = _OWN_LAST.format(separator=os.pathsep, then=then)
    return [sys.executable, "-P", "-c", code, os.pathsep.join(own_folders())]
